"""Whom a model sees, where its track queries land, and the counts over a video."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from synthetic_videos import write_crossing
from tiny_models import tiny_model
from trackformer.data.annotations import frame_without_objects
from trackformer.data.read import read_annotations
from trackformer.evaluation.trials.association import (
    NOBODY,
    OTHER,
    OWN,
    associate,
    landed,
    sighting,
)
from trackformer.evaluation.trials.encoded import encode_video
from trackformer.predictions import Predictions

SIZE = (100, 200)
"""(height, width)"""
TWO = replace(
    frame_without_objects(0, None),
    boxes_xyxy=np.array([[0.0, 0, 40, 40], [100, 0, 140, 40]]),
    labels=np.zeros(2, dtype=np.int64),
    track_ids=np.array([5, 7]),
    visibility=np.array([1.0, 0.2]),
)
FIRST, SECOND, NOWHERE = [0.1, 0.2, 0.2, 0.4], [0.6, 0.2, 0.2, 0.4], [0.9, 0.9, 0.1, 0.1]


def found(boxes, scores) -> Predictions:
    count = len(scores)
    return Predictions(
        torch.tensor(scores),
        torch.zeros(count, dtype=torch.long),
        torch.tensor(boxes),
        torch.arange(2.0 * count).view(count, 2),
    )


def test_everybody_is_seen_once_by_the_surest_answer_that_lies_there():
    both = replace(TWO, visibility=np.ones(2))
    seen = sighting(found([FIRST, SECOND, FIRST], [0.3, 0.8, 0.9]), both, SIZE)
    rows = dict(zip(seen.track_ids.tolist(), seen.embeddings.tolist(), strict=True))
    assert rows == {5: [4.0, 5.0], 7: [2.0, 3.0]}


def test_hidden_people_and_unsure_answers_are_not_seen():
    assert sighting(found([SECOND], [0.8]), TWO, SIZE).track_ids.tolist() == []
    assert sighting(found([FIRST], [0.05]), TWO, SIZE).track_ids.tolist() == []


def test_an_answer_lies_on_its_own_person_on_somebody_else_or_on_nobody():
    rows = landed(
        found([FIRST, SECOND, NOWHERE, SECOND], [0.9, 0.8, 0.7, 0.6]),
        np.array([5, 5, 7, 9]),
        TWO,
        SIZE,
    )
    assert rows[:, 0].tolist() == [1, 1, 1, 0]
    assert rows[:, 1].tolist() == [OWN, OTHER, NOBODY, OTHER]
    assert rows[:, 2].tolist() == pytest.approx([0.9, 0.8, 0.7, 0.6])


def test_nobody_is_there_to_land_on():
    rows = landed(found([FIRST], [0.9]), np.array([5]), frame_without_objects(0, None), SIZE)
    assert rows[0, :2].tolist() == [0, NOBODY]


def test_a_video_gives_counts_for_every_gap(tmp_path: Path):
    write_crossing(tmp_path / "a")
    (sequence,) = read_annotations(tmp_path).sequences
    model = tiny_model()
    video = encode_video(model, sequence)
    counts = associate(model, video, sequence, gap=4, keep_score=0.0)
    assert counts.kept <= counts.present <= counts.asked
    assert counts.kept + counts.taken_over <= counts.asked
    # The video has ten frames.
    assert associate(model, video, sequence, gap=20, keep_score=0.0).asked == 0
