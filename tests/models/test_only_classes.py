"""A model that is asked for some of its classes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tiny_models import tiny_model
from trackformer.models.only_classes import OnlyClasses
from trackformer.tracking.object_detector import ObjectDetector
from trackformer.tracking.settings import DetectSettings, TrackerSettings
from trackformer.tracking.tracker import Tracker

NAMES = ("person", "dog")
FRAME = np.random.default_rng(0).integers(0, 255, (48, 64, 3), dtype=np.uint8)
ALL = DetectSettings(min_score=0.0, nms_iou=None)


@pytest.fixture(scope="module")
def model():
    return tiny_model()


def test_no_query_shows_another_class(model):
    found = ObjectDetector(OnlyClasses(model, ("dog",)), ALL).detect(FRAME)
    assert set(found.labels.tolist()) == {1}
    assert found.class_names == NAMES


def test_scores_of_the_classes_asked_for_stay_and_others_are_0(model):
    scores = model(prepared := images(model)).class_scores()
    found = OnlyClasses(model, ("person",))(prepared).class_scores()
    assert torch.equal(found[..., 0], scores[..., 0])
    assert (found[..., 1] == 0).all()


def test_every_class_asked_for_is_the_model_itself(model):
    settings = TrackerSettings(birth_score=0.05, keep_score=0.05)
    alone = Tracker(model, settings).update(FRAME)
    asked = Tracker(OnlyClasses(model, NAMES), settings).update(FRAME)
    assert torch.equal(alone.boxes_xyxy, asked.boxes_xyxy)
    assert torch.equal(alone.labels, asked.labels)


def images(model):
    from trackformer.tracking.prepared_frame import prepare_frame

    return prepare_frame(model, FRAME).images
