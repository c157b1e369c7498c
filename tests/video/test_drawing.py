"""Drawn objects: where they should be, readable, and without leftovers."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from trackformer.objects import Detections, TrackedObjects
from trackformer.video.drawing import MASK_OPACITY, TrackDrawer, track_colour


def blank(height: int = 120, width: int = 160) -> np.ndarray:
    return np.full((height, width, 3), 100, dtype=np.uint8)


def tracked(
    track_ids: list[int], boxes: list[list[float]], masks: torch.Tensor | None = None
) -> TrackedObjects:
    return TrackedObjects(
        track_ids=torch.tensor(track_ids, dtype=torch.long),
        boxes_xyxy=torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4),
        scores=torch.ones(len(track_ids)),
        labels=torch.zeros(len(track_ids), dtype=torch.long),
        frame_index=0,
        masks=masks,
    )


def detected(boxes: list[list[float]], scores: list[float], labels: list[int]) -> Detections:
    return Detections(torch.tensor(boxes), torch.tensor(scores), torch.tensor(labels), 0)


def test_a_box_is_drawn_on_its_border_in_the_colour_of_its_id():
    drawn = TrackDrawer(["person"]).draw(blank(), tracked([7], [[40, 50, 80, 100]]))
    for row, column in [(75, 40), (75, 80), (100, 60)]:
        assert tuple(drawn[row, column]) == track_colour(7)
    assert (drawn[60:90, 50:70] == 100).all()


def test_the_input_stays_as_it_was():
    pixels = blank()
    pixels.flags.writeable = False
    drawn = TrackDrawer(["person"]).draw(pixels, tracked([1], [[40, 50, 80, 100]]))
    assert drawn is not pixels
    assert (pixels == 100).all()


def test_no_objects_change_nothing():
    assert (TrackDrawer(["person"]).draw(blank(), tracked([], [])) == 100).all()


def test_a_trail_joins_the_bottom_centres():
    drawer = TrackDrawer(["person"])
    drawer.draw(blank(), tracked([7], [[0, 20, 20, 60]]))
    drawn = drawer.draw(blank(), tracked([7], [[120, 20, 140, 60]]))
    # From (10, 60) to (130, 60).
    np.testing.assert_allclose(drawn[60, 70], track_colour(7), atol=10)


def test_a_trail_begins_anew_where_frames_change_their_size():
    drawer = TrackDrawer(["person"])
    drawer.draw(blank(240, 320), tracked([7], [[0, 40, 40, 120]]))
    drawn = drawer.draw(blank(), tracked([7], [[120, 20, 140, 60]]))
    # Nothing from (20, 120) to (130, 60).
    assert (drawn[62:, :] == 100).all()


def test_trails_can_go_on_from_frames_that_are_not_drawn():
    first, second = tracked([7], [[0, 20, 20, 60]]), tracked([7], [[120, 20, 140, 60]])
    drawn, followed = TrackDrawer(["person"]), TrackDrawer(["person"])
    drawn.draw(blank(), first)
    followed.follow(first, (120, 160))
    assert (drawn.draw(blank(), second) == followed.draw(blank(), second)).all()


def test_trails_end_after_their_length():
    drawer = TrackDrawer(["person"], trail_length=3)
    for left in range(10):
        drawer.draw(blank(), tracked([7], [[left, 20, left + 20, 60]]))
    assert list(drawer._trails[7].points) == [(17, 60), (18, 60), (19, 60)]


def test_trails_of_vanished_objects_are_forgotten():
    drawer = TrackDrawer(["person"], trail_length=3)
    for track_id in range(1, 1000):
        drawer.draw(blank(), tracked([track_id], [[10, 20, 30, 60]]))
    assert sorted(drawer._trails) == [997, 998, 999]


def test_without_trails_nothing_is_remembered():
    drawer = TrackDrawer(["person"], trail_length=0)
    drawer.draw(blank(), tracked([7], [[0, 20, 20, 60]]))
    assert drawer._trails == {}


def test_a_mask_shines_through():
    masks = torch.zeros(1, 120, 160, dtype=torch.bool)
    masks[0, 60:90, 50:70] = True
    drawn = TrackDrawer(["person"]).draw(blank(), tracked([7], [[40, 50, 80, 100]], masks))
    expected = MASK_OPACITY * np.array(track_colour(7)) + (1 - MASK_OPACITY) * 100
    np.testing.assert_allclose(drawn[75, 60], expected, atol=1)
    assert (drawn[55, 60] == 100).all()


@pytest.mark.parametrize(
    "box", [[-30, -30, 20, 20], [150, 110, 300, 300], [-500, 50, 1e9, 60], [0, 0, 160, 120]]
)
def test_labels_stay_inside_the_frame(box: list[float]):
    without_label = TrackDrawer(["person"])
    without_label._labels = lambda objects: [""]  # type: ignore[method-assign]
    objects = tracked([7], [box])
    drawn = TrackDrawer(["person"]).draw(blank(), objects)
    num_label_pixels = (drawn != without_label.draw(blank(), objects)).any(-1).sum()
    assert num_label_pixels > 100


def test_boxes_that_are_no_numbers_do_no_harm():
    objects = tracked([1, 2], [[float("nan")] * 4, [float("-inf"), 0, float("inf"), 50]])
    assert TrackDrawer(["person"]).draw(blank(), objects).shape == (120, 160, 3)


@pytest.mark.parametrize(
    ("class_names", "label", "expected"),
    [(["person"], 0, "0.93"), (["cat", "dog"], 1, "dog 0.93"), ([], 5, "5 0.93")],
)
def test_a_detection_is_labelled_with_class_and_score(
    class_names: list[str], label: int, expected: str
):
    objects = detected([[10.0, 20.0, 30.0, 60.0]], [0.931], [label])
    assert TrackDrawer(class_names)._labels(objects) == [expected]


def test_a_track_is_labelled_with_its_id_and_its_class_if_there_are_several():
    objects = tracked([12], [[10, 20, 30, 60]])
    assert TrackDrawer(["person"])._labels(objects) == ["#12"]
    assert TrackDrawer(["cat", "dog"])._labels(objects) == ["#12 cat"]


def test_detections_of_a_class_share_a_colour():
    objects = detected([[10.0, 20.0, 30.0, 60.0], [90.0, 20.0, 120.0, 60.0]], [0.9, 0.8], [3, 3])
    drawn = TrackDrawer([]).draw(blank(), objects)
    assert tuple(drawn[60, 20]) == tuple(drawn[60, 100]) == track_colour(3)


def test_lines_are_wider_in_larger_images():
    def width_of_left_line(scale: int) -> int:
        box = [40 * scale, 50 * scale, 80 * scale, 100 * scale]
        objects = tracked([7], [[float(side) for side in box]])
        drawn = TrackDrawer(["person"]).draw(blank(120 * scale, 160 * scale), objects)
        return int((drawn[75 * scale, : 60 * scale] != 100).any(-1).sum())

    assert width_of_left_line(1) < width_of_left_line(10)


def test_neighbouring_ids_have_distinct_stable_colours():
    colours = [np.array(track_colour(track_id)) for track_id in range(1, 30)]
    assert min(np.abs(a - b).sum() for a, b in itertools.pairwise(colours)) > 90
    assert track_colour(5) == track_colour(5)
