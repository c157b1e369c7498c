"""Key frames say every box of a track, moved evenly between them."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from trackformer.data.annotations import AnnotatedSequence
from trackformer.data.formats.parts.assembly import Entry, assemble_frames
from trackformer.data.formats.parts.key_frames import boxes_between, key_frames, stretches_of
from trackformer.data.formats.parts.malformed import refuse


def walk(*lefts: float) -> np.ndarray:
    """Boxes of 10 x 10 pixels at these places."""
    return np.array([[left, 0, left + 10, 10] for left in lefts], dtype=np.float64)


def test_even_motion_needs_its_two_ends():
    assert key_frames(walk(0, 1, 2, 3, 4, 5), 0.9).tolist() == [0, 5]


def test_a_turn_is_a_key_frame():
    assert key_frames(walk(0, 4, 8, 12, 8, 4, 0), 0.9).tolist() == [0, 3, 6]


def test_a_box_alone_is_its_own_key_frame():
    assert key_frames(walk(3), 0.9).tolist() == [0]


def test_the_iou_says_how_far_a_box_may_be_off():
    # Moved evenly the middle box is 1 of 10 pixels off: IoU 9 / 11.
    assert key_frames(walk(0, 1, 0), 0.8).tolist() == [0, 2]
    assert key_frames(walk(0, 1, 0), 0.82).tolist() == [0, 1, 2]


def test_of_equally_few_the_closest_are_chosen():
    # A key frame at 2 or 3 would do; at 2 nothing is lost.
    assert key_frames(walk(0, 3, 6, 6.1, 6.2, 6.3), 0.9).tolist() == [0, 2, 5]


def test_tracks_longer_than_the_first_look_ahead_need_no_more():
    assert key_frames(walk(*range(200)), 0.9).tolist() == [0, 199]


@settings(max_examples=20, deadline=None, derandomize=True, database=None)
@given(lefts=st.lists(st.integers(0, 40), min_size=2, max_size=12))
def test_every_box_is_kept_at_the_iou(lefts: list[int]):
    boxes = walk(*lefts)
    keys = key_frames(boxes, 0.7)
    moved = np.interp(np.arange(len(boxes)), keys, boxes[keys, 0])
    shared = np.clip(10 - np.abs(moved - boxes[:, 0]), 0, None)
    assert (shared / (20 - shared) >= 0.7 - 1e-9).all()


def test_a_gap_and_another_label_begin_another_stretch():
    entries = [
        Entry("", frame, (0, 0, 9, 9), label=label, track_id=5)
        for frame, label in ((0, 0), (1, 0), (3, 0), (4, 1))
    ]
    frames = assemble_frames(entries, (None,) * 5, refuse)
    stretches = stretches_of(AnnotatedSequence("A", frames, (9, 9), None, is_video=True))
    found = [(each.label, [frame.frame_index for frame, _ in each.places]) for each in stretches]
    assert found == [(0, [0, 1]), (0, [3]), (1, [4])]


def test_boxes_between_two_key_frames_move_evenly():
    before = Entry("", 2, (0, 0, 10, 10), track_id=5)
    between = list(boxes_between(before, Entry("", 4, (4, 0, 16, 10), track_id=5)))
    assert [(entry.frame_index, entry.box_xyxy) for entry in between] == [(3, (2, 0, 13, 10))]


def test_every_box_is_a_place_where_nothing_may_be_lost():
    entries = [Entry("", frame, (0, 0, 9, 9), track_id=5) for frame in range(4)]
    frames = assemble_frames(entries, (None,) * 4, refuse)
    (stretch,) = stretches_of(AnnotatedSequence("A", frames, (9, 9), None, is_video=True))
    assert len(stretch.key_places(1.0)) == 4
    assert len(stretch.key_places(0.9)) == 2
