"""Which births given detections allow, on boxes by hand."""

from pathlib import Path

import numpy as np
import pytest
from torch import tensor

from trackformer.errors import DataError
from trackformer.tracking.lifecycle.public_detections import allowed_births, read_public_detections
from trackformer.tracking.settings import TrackerSettings

BOX = [10.0, 10.0, 20.0, 20.0]


def moved(right: float) -> list[float]:
    return [10.0 + right, 10.0, 20.0 + right, 20.0]


def allowed(births: list[list[float]], public: list[list[float]], rule="center_distance"):
    return allowed_births(
        tensor(births).reshape(-1, 4), tensor(public).reshape(-1, 4), rule
    ).tolist()


@pytest.mark.parametrize("rule", ["center_distance", "min_iou"])
def test_without_public_detections_nothing_is_born(rule):
    assert allowed([BOX], [], rule) == [False]
    assert allowed([], [BOX], rule) == []
    assert allowed([BOX], [BOX], rule) == [True]


def test_the_squared_distance_must_be_less_than_the_area_of_the_birth():
    # 10 x 10 pixels: less than 10 pixels away, whatever the size of the public detection.
    assert allowed([BOX], [moved(9.5)]) == [True]
    assert allowed([BOX], [moved(10)]) == [False]
    assert allowed([BOX], [[0.0, 0.0, 30.0, 30.0]]) == [True]


def test_the_overlap_must_be_half_or_more():
    # Shifted by a third of the width: 2/3 over 4/3.
    wide = [10.0, 10.0, 22.0, 22.0]
    assert allowed([wide], [[14.0, 10.0, 26.0, 22.0]], "min_iou") == [True]
    assert allowed([wide], [[14.5, 10.0, 26.5, 22.0]], "min_iou") == [False]


@pytest.mark.parametrize("rule", ["center_distance", "min_iou"])
def test_each_public_detection_allows_one_birth(rule):
    assert allowed([moved(1), BOX], [BOX], rule) == [False, True]
    assert allowed([moved(1), BOX], [BOX, BOX], rule) == [True, True]
    assert allowed([moved(1), BOX], [BOX, BOX, BOX], rule) == [True, True]


def test_public_detections_choose_in_their_order():
    # The first takes the birth between them; the second is left without one near enough.
    assert allowed([moved(4), moved(-30)], [BOX, moved(5)]) == [True, False]


def test_a_file_counts_from_one(tmp_path: Path):
    (tmp_path / "det.txt").write_text("2,-1,11,21,5,6,0.9,-1,-1,-1\n")
    detections = read_public_detections(tmp_path / "det.txt")
    assert detections.in_frame(1, TrackerSettings()).tolist() == [[10, 20, 15, 26]]
    assert detections.in_frame(0, TrackerSettings()).shape == (0, 4)
    published = detections.in_frame(1, TrackerSettings(compatibility="reference"))
    assert np.array_equal(published, [[10, 20, 14, 25]])


def test_a_malformed_file_is_refused(tmp_path: Path):
    (tmp_path / "det.txt").write_text("1,-1,one,2,3,4\n")
    with pytest.raises(DataError, match=r"det\.txt:1: expected numbers"):
        read_public_detections(tmp_path / "det.txt")
