"""Checks of ids: whether the same number means the same object."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from trackformer.checking.records import (
    BoxTable,
    Finding,
    Inspected,
    Place,
    box_table,
    frame_place,
    videos,
)
from trackformer.data.annotations import AnnotatedSequence

JUMP, JUMP_PER_FRAME = 3.0, 0.3
"""Farthest an object moves between two annotations, in diagonals of its box: at once, and more for
each frame between them."""
LONG_ABSENCE = 3.0
"""Seconds; at 25 frames a second where the data do not say."""
DEFAULT_RATE = 25.0
SHARE_OF_SINGLES = 0.5
"""From this share of tracks with one box on, ids probably mean nothing."""
MIN_TRACKS = 5


def check_jumps(inspected: Inspected) -> Iterator[Finding]:
    """Ids that go on far from where they were: swapped, or reused for another object."""
    at_once, after_gap = [], []
    for sequence in videos(inspected.data):
        table = box_table(sequence)
        is_same = np.diff(table.track_ids) == 0
        steps = np.diff(table.frames)
        diagonals = np.hypot(*table.sizes.T)
        distance = np.hypot(*np.diff(table.centres, axis=0).T)
        reach = JUMP + JUMP_PER_FRAME * (steps - 1)
        is_far = is_same & (distance > reach * np.maximum(diagonals[1:], diagonals[:-1]))
        at_once += _later(sequence, table, is_far & (steps == 1))
        after_gap += _later(sequence, table, is_far & (steps > 1))
    if at_once:
        what = f"{len(at_once)} jumps of an id by more than {JUMP:g} box diagonals in one frame"
        yield Finding("id-jumps", "error", what, "give the other object its own id", tuple(at_once))
    if after_gap:
        what = f"{len(after_gap)} returns of an id far from where it left"
        remedy = "give it a new id if it is another object; ids must not be used again"
        yield Finding("id-reused", "error", what, remedy, tuple(after_gap))


def check_absences(inspected: Inspected) -> Iterator[Finding]:
    """Ids that come back after long."""
    places = []
    for sequence in videos(inspected.data):
        table = box_table(sequence)
        absence = (np.diff(table.frames) - 1) / (sequence.frame_rate or DEFAULT_RATE)
        is_long = (np.diff(table.track_ids) == 0) & (absence > LONG_ABSENCE)
        places += _later(sequence, table, is_long)
    if places:
        what = f"{len(places)} returns of an id after more than {LONG_ABSENCE:g} s"
        remedy = "check that it is the same object; a model cannot learn what it cannot see"
        yield Finding("long-absence", "note", what, remedy, tuple(places))


def check_classes_of_ids(inspected: Inspected) -> Iterator[Finding]:
    """Ids whose class changes."""
    places = []
    for sequence in videos(inspected.data):
        table = box_table(sequence)
        changes = (np.diff(table.track_ids) == 0) & (np.diff(table.labels) != 0)
        places += _later(sequence, table, changes)
    if places:
        what = f"{len(places)} changes of an object's class"
        remedy = "give all boxes of an id the same class, or the other object its own id"
        yield Finding("class-changes", "error", what, remedy, tuple(places))


def check_single_boxes(inspected: Inspected) -> Iterator[Finding]:
    """Videos most of whose tracks are one box long."""
    places = []
    for sequence in videos(inspected.data):
        _, lengths = np.unique(box_table(sequence).track_ids, return_counts=True)
        share = (lengths == 1).mean() if len(lengths) >= MIN_TRACKS else 0.0
        if len(sequence.frames) > 1 and share >= SHARE_OF_SINGLES:
            where = (
                f"{sequence.annotation_path or sequence.name}: {share:.0%} of {len(lengths)} ids"
            )
            places.append(Place(where, sequence.name))
    if places:
        what = f"in {len(places)} videos most ids have a single box: nothing to track"
        remedy = "give an object the same id in all frames, or train on them as still images"
        yield Finding("ids-mean-nothing", "error", what, remedy, tuple(places))


def _later(sequence: AnnotatedSequence, table: BoxTable, is_bad: np.ndarray) -> list[Place]:
    """The later one of each two rows."""
    rows = np.flatnonzero(is_bad) + 1
    return [
        frame_place(sequence, sequence.frames[table.frames[row]], int(table.track_ids[row]))
        for row in rows
    ]
