"""The tracker with a model that looks at the frame before."""

import numpy as np
import pytest
import torch

from trackformer.input_settings import InputSettings
from trackformer.models.build import build_model
from trackformer.models.settings import BackboneSettings, DeformableDetrSettings, ModelSettings
from trackformer.models.trackformer import TrackFormer
from trackformer.tracking.prepared_frame import prepare
from trackformer.tracking.settings import TrackerSettings
from trackformer.tracking.tracker import Tracker

EVERYTHING = TrackerSettings(birth_score=0.0, keep_score=0.0)
FRAMES = np.random.default_rng(0).integers(0, 256, (3, 64, 96, 3), dtype=np.uint8)


def small_model(**changes) -> TrackFormer:
    torch.manual_seed(0)
    detector = DeformableDetrSettings(
        backbone=BackboneSettings(name="resnet18"),
        embedding_size=24,
        num_heads=4,
        num_encoder_layers=1,
        num_decoder_layers=1,
        feedforward_size=16,
        num_queries=4,
        **changes,
    )
    size = InputSettings(shorter_side=64, longest_side=96)
    return build_model(ModelSettings(detector=detector, input=size)).eval()


@pytest.fixture(scope="module")
def model() -> TrackFormer:
    return small_model(multi_frame="separate_encoder")


def features_of(model: TrackFormer, frame: np.ndarray) -> torch.Tensor:
    with torch.inference_mode():
        images = prepare(model, frame, torch.device("cpu"))
        return model.encode(images).frame.maps[-1]


def test_it_keeps_the_last_frame_and_no_other(model):
    tracker = Tracker(model, EVERYTHING)
    for frame in FRAMES:
        tracker.update(frame)
        assert torch.equal(tracker.previous_frame.maps[-1], features_of(model, frame))


def test_the_frame_before_matters(model):
    tracker, other = Tracker(model, EVERYTHING), Tracker(model, EVERYTHING)
    for each, first in ((tracker, FRAMES[0]), (other, FRAMES[1])):
        each.update(first)
        each.tracks = Tracker(model, EVERYTHING).tracks
        each.update(FRAMES[2])
    assert not torch.equal(tracker.tracks.embeddings, other.tracks.embeddings)


def test_a_new_stream_begins_without_one(model):
    tracker = Tracker(model, EVERYTHING)
    first = tracker.update(FRAMES[0])
    tracker.update(FRAMES[1])
    tracker.reset()
    again = tracker.update(FRAMES[0])
    assert torch.equal(again.boxes_xyxy, first.boxes_xyxy)
    assert torch.equal(again.scores, first.scores)


def test_frames_may_change_their_size(model):
    tracker = Tracker(model, EVERYTHING)
    tracker.update(FRAMES[0])
    tracker.update(np.ascontiguousarray(FRAMES[1].transpose(1, 0, 2)))
    assert tracker.tracks.boxes.isfinite().all()


def test_it_may_look_further_back(model):
    settings = EVERYTHING.model_copy(update={"previous_frame_distance": 2})
    tracker = Tracker(model, settings)
    tracker.update(FRAMES[0])
    # As published: the first two frames are looked at alone.
    assert tracker.previous_frame is None
    tracker.update(FRAMES[1])
    assert torch.equal(tracker.previous_frame.maps[-1], features_of(model, FRAMES[0]))
    tracker.update(FRAMES[2])
    assert torch.equal(tracker.previous_frame.maps[-1], features_of(model, FRAMES[1]))


def test_a_model_of_single_frames_leaves_nothing():
    tracker = Tracker(small_model(), EVERYTHING)
    tracker.update(FRAMES[0])
    assert tracker.previous_frame is None
