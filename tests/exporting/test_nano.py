"""The bundled `nano`, exported: on the bundled clip it finds what the weights find."""

from __future__ import annotations

import pytest
import torch

from trackformer import ObjectDetector, Tracker, TrackerSettings
from trackformer.checkpoints.onnx_model import OnnxModel
from trackformer.objects import TrackedObjects
from trackformer.tracking.prepared_frame import prepare_frame
from trackformer.tracking.steps import update_together
from trackformer.tracking.tracker import settings_for

CLOSE = 0.05
"""Pixels: a score or a box of the network differs by 1e-5, of 1920 pixels."""
pytestmark = pytest.mark.slow  # torch translates nano in half a minute


def assert_same(got: list[TrackedObjects], expected: list[TrackedObjects]) -> None:
    for ours, theirs in zip(got, expected, strict=True):
        assert ours.track_ids.tolist() == theirs.track_ids.tolist()
        torch.testing.assert_close(ours.boxes_xyxy, theirs.boxes_xyxy, atol=CLOSE, rtol=0)
        torch.testing.assert_close(ours.scores, theirs.scores, atol=1e-4, rtol=0)
        assert ours.class_names == theirs.class_names == ("person",)


def test_identities_and_boxes_are_those_of_the_weights(nano: OnnxModel, frames, expected):
    tracker = Tracker(nano)
    assert_same([tracker.update(frame) for frame in frames], expected)
    assert len(expected[-1]) >= 5


def test_two_streams_in_one_pass_are_each_alone(nano: OnnxModel, frames, expected):
    trackers = [Tracker(nano), Tracker(nano)]
    # The second stream is one frame behind: other numbers of tracks.
    first = [trackers[0].update(frames[0])]
    second = []
    for now, before in zip(frames[1:], frames, strict=False):
        prepared = [prepare_frame(nano, frame) for frame in (now, before)]
        found = update_together(nano, trackers, prepared)
        first.append(found[0])
        second.append(found[1])
    assert_same(first, expected)
    assert_same(second, expected[:-1])


def test_detections_are_those_of_the_weights(nano: OnnxModel, weights, frames):
    got, expected = (ObjectDetector(model).detect(frames[0]) for model in (nano, weights))
    torch.testing.assert_close(got.boxes_xyxy, expected.boxes_xyxy, atol=CLOSE, rtol=0)
    assert len(expected) >= 3


def test_the_file_says_all_that_its_weights_say(nano: OnnxModel, weights):
    stored = nano.settings.model_copy(update={"tracker": weights.settings.tracker})
    assert stored == weights.settings
    assert settings_for(nano) == settings_for(weights)
    # Other programs do not know our defaults.
    assert nano.settings.tracker.keys() == TrackerSettings.model_fields.keys()
    assert (nano.embedding_size, nano.predicts_masks) == (weights.embedding_size, False)
