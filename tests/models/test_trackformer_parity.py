"""TrackFormer with the published weights gives the published outputs, on one frame and on two."""

import pytest
import torch

from golden.answers import OF_TWO_FRAMES, TRACKFORMERS, answer, recorded_answer
from golden.published_models import in_precision, published_trackformer
from golden.recordings import read_recording, recorded_images
from golden.spread import Numbers, beyond_spread
from trackformer.models.trackformer import TrackFormer


@pytest.fixture(scope="module", params=TRACKFORMERS)
def answered(request) -> tuple[str, Numbers]:
    """A recording's name, and what the model with its weights answers in float64."""
    name = request.param
    return name, answer(in_precision(name, torch.float64), name, "with_track")


@pytest.fixture(scope="module", params=OF_TWO_FRAMES)
def named_two_frame_model(request) -> tuple[str, TrackFormer]:
    return request.param, in_precision(request.param, torch.float64)


def test_tracks_are_answered_as_published(answered):
    name, ours = answered
    assert not beyond_spread(f"{name}, with_track", ours, recorded_answer(name, "with_track"))


def test_two_frames_in_double_precision_differ_by_rounding_only(answered):
    name, ours = answered
    published = read_recording("fp64_outputs")[f"{name}.pt:with_track"]
    logits, embeddings = ours.outputs["last logits"][..., :6], ours.outputs["embeddings"][..., :16]
    boxes = ours.outputs["last boxes"]
    torch.testing.assert_close(logits, published["pred_logits"], atol=1e-6, rtol=0)
    torch.testing.assert_close(boxes, published["pred_boxes"], atol=1e-6, rtol=0)
    torch.testing.assert_close(embeddings, published["hs_embed"], atol=1e-6, rtol=0)


def test_the_previous_frame_alone_is_answered_as_published(named_two_frame_model):
    assert_answered(*named_two_frame_model, "prev_frame")


def test_without_a_previous_frame_the_current_one_stands_in(named_two_frame_model):
    assert_answered(*named_two_frame_model, "with_track_prevfeat_none")


def test_frames_with_padding_elsewhere_are_answered_as_published(named_two_frame_model):
    assert_answered(*named_two_frame_model, "with_track_prev_padding_differs")


@pytest.mark.parametrize("name", TRACKFORMERS[2:])
def test_a_track_beyond_the_image_is_answered_as_published(name):
    assert_answered(name, in_precision(name, torch.float64), "with_track_overflow_ref")


@pytest.mark.parametrize("name", OF_TWO_FRAMES)
@torch.no_grad()
def test_what_compatibility_changes_is_as_large_as_documented(name):
    """4.0 and 3.0 logits by dividing offsets by (width, height): see docs/compatibility.md."""
    recording = read_recording(name)
    output = published_trackformer(name, compatibility="none")(recorded_images(recording))
    difference = output.class_logits[-1] - recording["no_track"]["outputs"]["pred_logits"]
    assert difference.abs().max() > 1


def assert_answered(name: str, model: TrackFormer, run: str) -> None:
    ours = answer(model, name, run)
    assert not beyond_spread(f"{name}, {run}", ours, recorded_answer(name, run))
