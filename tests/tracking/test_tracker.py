"""A stream through a tiny random model."""

import inspect

import numpy as np
import pytest
import torch

from tiny_models import tiny_model
from trackformer.errors import CheckpointError, ConfigError, DataError
from trackformer.tracking.object_detector import ObjectDetector
from trackformer.tracking.prepared_frame import as_pixels
from trackformer.tracking.settings import DetectSettings, TrackerSettings
from trackformer.tracking.tracker import Tracker, settings_for

# Random models are sure of nothing: everything is a track, at most six.
EAGER = TrackerSettings(
    birth_score=0, keep_score=0, reid_score=0, track_nms_iou=None, birth_nms_iou=None, max_tracks=6
)


@pytest.fixture(scope="module")
def model():
    return tiny_model("rt_detr")


def frame(seed: int, height: int = 60, width: int = 80) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def run(tracker, seeds):
    return [tracker.update(frame(seed)).boxes_xyxy for seed in seeds]


def test_identities_stay_with_their_queries(model):
    tracker = Tracker(model, EAGER)
    first, second = tracker.update(frame(0)), tracker.update(frame(1))
    assert first.track_ids.tolist() == [1, 2, 3, 4, 5, 6]
    assert second.track_ids.tolist() == [1, 2, 3, 4, 5, 6]
    assert (first.frame_index, second.frame_index) == (0, 1)
    assert first.class_names == ("person", "dog")


def test_boxes_are_in_pixels_of_the_frame(model):
    small = Tracker(model, EAGER).update(frame(0, 64, 64)).boxes_xyxy
    repeated = np.repeat(np.repeat(frame(0, 64, 64), 2, axis=0), 2, axis=1)
    large = Tracker(model, EAGER).update(repeated).boxes_xyxy
    torch.testing.assert_close(large, 2 * small, atol=0.5, rtol=0.01)


def test_public_detections_gate_births_but_not_tracks(model):
    tracker = Tracker(model, EAGER)
    nothing = np.zeros((0, 4))
    assert len(tracker.update(frame(0), nothing)) == 0
    everywhere = Tracker(model, EAGER).update(frame(1)).boxes_xyxy.numpy()[:2]
    assert 1 <= len(tracker.update(frame(1), everywhere)) <= 2
    assert len(tracker.update(frame(1), nothing)) == len(tracker.tracks.ids) > 0


def test_frames_may_change_their_size(model):
    tracker = Tracker(model, EAGER)
    for size in ((60, 80), (120, 50), (33, 200)):
        assert len(tracker.update(frame(0, *size))) == 6


def test_reset_begins_a_new_stream(model):
    tracker = Tracker(model, EAGER)
    first = tracker.update(frame(0))
    tracker.update(frame(1))
    tracker.reset()
    again = tracker.update(frame(0))
    assert (again.frame_index, again.track_ids.tolist()) == (0, first.track_ids.tolist())
    torch.testing.assert_close(again.boxes_xyxy, first.boxes_xyxy)


def test_two_streams_share_a_model_but_no_state(model):
    alone = run(Tracker(model, EAGER), [0, 1, 2])
    first, second = Tracker(model, EAGER), Tracker(model, EAGER)
    mixed = []
    for seed in (0, 1, 2):
        mixed.append(first.update(frame(seed)).boxes_xyxy)
        second.update(frame(seed + 10))
    for expected, actual in zip(alone, mixed, strict=True):
        torch.testing.assert_close(actual, expected)


def test_what_came_before_matters(model):
    after_one = run(Tracker(model, EAGER), [0, 2])[-1]
    after_other = run(Tracker(model, EAGER), [1, 2])[-1]
    assert not torch.allclose(after_one, after_other)


def test_a_tensor_is_as_good_as_an_array(model):
    from_array = Tracker(model, EAGER).update(frame(0))
    from_tensor = Tracker(model, EAGER).update(torch.from_numpy(frame(0)))
    torch.testing.assert_close(from_array.boxes_xyxy, from_tensor.boxes_xyxy)


@pytest.mark.parametrize(
    "wrong",
    [
        frame(0).astype(np.float32),
        frame(0)[..., 0],
        np.zeros((4, 4, 4), dtype=np.uint8),
        np.zeros((0, 4, 3), dtype=np.uint8),
        torch.zeros(3, 60, 80, dtype=torch.uint8),
        torch.zeros(60, 80, 3, dtype=torch.bfloat16),
    ],
)
def test_anything_but_rgb_pixels_is_refused(model, wrong):
    with pytest.raises(DataError, match=r"expected height x width x 3 RGB.* got shape \("):
        Tracker(model, EAGER).update(wrong)


def test_a_picture_that_opencv_could_not_read_is_no_frame():
    # Within tests, types are checked before the function sees them.
    as_users_call_it = inspect.unwrap(as_pixels)
    with pytest.raises(DataError, match=r"frame: expected an array .* got NoneType"):
        as_users_call_it(None)


def test_a_frame_may_be_a_flipped_view(model):
    # BGR to RGB, as OpenCV's users do it: a negative stride.
    assert len(Tracker(model, EAGER).update(frame(0)[..., ::-1])) == 6


def test_the_model_brings_its_thresholds():
    model = tiny_model("rt_detr")
    assert settings_for(model) == TrackerSettings()
    model.settings = model.settings.model_copy(update={"tracker": {"patience": 30}})
    assert Tracker(model).settings.patience == 30


def test_unknown_stored_thresholds_are_refused():
    model = tiny_model("rt_detr")
    model.settings = model.settings.model_copy(update={"tracker": {"pacience": 30}})
    with pytest.raises(ConfigError, match="did you mean 'patience'"):
        Tracker(model)


def test_detections_are_sorted_and_above_the_score(model):
    found = ObjectDetector(model, DetectSettings(min_score=0, nms_iou=None)).detect(frame(0), 7)
    assert len(found) == 6
    assert found.frame_index == 7
    assert found.scores.tolist() == sorted(found.scores.tolist(), reverse=True)
    middle = found.scores[2].item()
    fewer = ObjectDetector(model, DetectSettings(min_score=middle, nms_iou=None)).detect(frame(0))
    assert fewer.scores.tolist() == found.scores[:2].tolist()


def test_detections_do_not_overlap(model):
    found = ObjectDetector(model, DetectSettings(min_score=0, nms_iou=0)).detect(frame(0))
    assert 1 <= len(found) <= 6


def test_where_every_class_counts_a_query_is_several_detections(model):
    settings = DetectSettings(min_score=0, nms_iou=None, every_class=True)
    found = ObjectDetector(model, settings).detect(frame(0))
    # Six queries, two classes.
    assert found.labels.bincount().tolist() == [6, 6]
    assert found.scores.tolist() == sorted(found.scores.tolist(), reverse=True)


def test_where_every_class_counts_overlap_is_no_reason_to_remove():
    with pytest.raises(ConfigError, match=r"every_class: expected nms_iou: null, got 0\.7"):
        DetectSettings(every_class=True)


@pytest.mark.parametrize("kind", [Tracker, ObjectDetector])
def test_a_model_whose_answers_are_no_numbers_is_refused_instead_of_finding_nothing(kind):
    model = tiny_model()
    with torch.no_grad():
        model.detector.network.decoder.class_embed[-1].bias.fill_(float("nan"))
    asked = kind(model)
    answer = asked.update if kind is Tracker else asked.detect
    with pytest.raises(CheckpointError, match="every score is NaN"):
        answer(np.zeros((64, 64, 3), np.uint8))
