"""What the class and consider columns of a MOTChallenge ground truth say of a row."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int

from trackformer.data.formats.mot.rows import (
    CLASS,
    CONSIDER,
    FRAME,
    HEIGHT,
    MAX_COLUMNS,
    TRACK_ID,
    VISIBILITY,
    WIDTH,
    MotRows,
)
from trackformer.data.formats.parts.malformed import Mistake, Report
from trackformer.data.formats.parts.text_files import read_text

CLASS_NAMES = ("person",)
PEDESTRIAN, OCCLUDER, CROWD = 1, 9, 13
DISTRACTORS = (2, 7, 8, 12)
"""Person on a vehicle, static person, distractor, reflection."""
MOT20_DISTRACTORS = (*DISTRACTORS, 6)
"""MOT20 adds vehicles without a motor."""


@dataclass(frozen=True, slots=True, eq=False)
class RowKinds:
    """What each row stands for; what is neither object nor ignored is some other thing."""

    is_object: Bool[np.ndarray, " rows"]
    is_ignored: Bool[np.ndarray, " rows"]
    is_distractor: Bool[np.ndarray, " rows"]
    labels: Int[np.ndarray, " rows"]
    """Of objects; 0 elsewhere."""


def read_class_names(ground_truth: Path) -> tuple[str, ...]:
    """The lines of `labels.txt` beside the ground truth, class 1 first; empty where there is none.

    CVAT and Datumaro write this file, because MOTChallenge's own classes are fixed.
    """
    path = ground_truth.with_name("labels.txt")
    if not path.is_file():
        return ()
    lines = read_text(path, "a text file with one class name in a line").splitlines()
    return tuple(line.strip() for line in lines if line.strip())


def row_kinds(rows: MotRows, sequence_name: str, class_names: tuple[str, ...]) -> RowKinds:
    """Objects and ignore regions among checked rows.

    With names of their own, every considered row is an object and every other one an ignore region.
    """
    classes, considered = _classes(rows), _is_considered(rows)
    if class_names:
        labels = np.where(considered, classes.astype(np.int64) - 1, 0)
        return RowKinds(considered, ~considered, np.zeros(len(classes), dtype=bool), labels)
    is_object = considered & (classes == PEDESTRIAN)
    distractors = MOT20_DISTRACTORS if sequence_name.startswith("MOT20") else DISTRACTORS
    is_distractor = np.isin(classes, distractors)
    is_ignored = is_distractor | (np.isin(classes, (PEDESTRIAN, CROWD)) & ~is_object)
    return RowKinds(is_object, is_ignored, is_distractor, np.zeros(len(classes), dtype=np.int64))


def visibility_of(rows: MotRows) -> Float[np.ndarray, " rows"]:
    """Visible share of each row; 1 where the file does not say (-1, or no such column)."""
    if rows.values.shape[1] == MAX_COLUMNS:
        return np.ones(len(rows.values))
    visibility = rows.column(VISIBILITY, absent=1.0)
    return np.where(visibility == -1, 1.0, visibility)


def checked_rows(
    rows: MotRows, num_frames: int, class_names: tuple[str, ...], report: Report
) -> MotRows:
    """The rows that a ground truth may have; others are reported."""
    values, considered = rows.values, _is_considered(rows)
    last_class = len(class_names) or CROWD
    classes = _classes(rows)
    has_class = np.isin(classes, range(PEDESTRIAN, last_class + 1))
    if class_names:
        has_class |= ~considered
    checks: tuple[tuple[Bool[np.ndarray, " rows"], str, int, Mistake], ...] = (
        (values[:, FRAME] <= num_frames, f"at most {num_frames} frames", FRAME, "beyond-end"),
        ((values[:, TRACK_ID] >= 0) | ~considered, "an id from 0 on", TRACK_ID, "malformed"),
        (values[:, WIDTH] > 0, "a positive width", WIDTH, "no-area"),
        (values[:, HEIGHT] > 0, "a positive height", HEIGHT, "no-area"),
        (has_class, f"a class from 1 to {last_class}", CLASS, "unknown-class"),
        (
            np.abs(visibility_of(rows) - 0.5) <= 0.5,
            "a visibility in [0, 1]",
            VISIBILITY,
            "malformed",
        ),
    )
    is_good = np.ones(len(values), dtype=bool)
    for passes, expected, column, mistake in checks:
        kind = "frame " if column == FRAME else ""
        for row in np.flatnonzero(is_good & ~passes):
            got = f"expected {expected}, got {kind}{values[row, column]:g}"
            report(rows.error(int(row), got, mistake))
        is_good &= passes
    for row in np.flatnonzero(is_good & considered & (classes != PEDESTRIAN)):
        # MOTChallenge considers pedestrians only: here the number may well mean another class.
        if not class_names:
            what = f"expected class 1 where consider is 1, got class {classes[row]:g}: no object"
            report(rows.error(int(row), what, "considered-class"))
    return rows.where(is_good)


def _is_considered(rows: MotRows) -> Bool[np.ndarray, " rows"]:
    # Truncated before the comparison, as TrackEval does.
    return np.asarray(np.trunc(rows.column(CONSIDER, absent=1.0)) != 0)


def _names_classes(rows: MotRows) -> bool:
    """Whether ten columns end in a class, -1 and -1, as results of many trackers do.

    Those of MOT15 end in world coordinates.
    """
    classes, ends = rows.values[:, CLASS], rows.values[:, CLASS + 1 :]
    return bool(((classes >= 1) & (classes == np.floor(classes))).all() and (ends == -1).all())


def _classes(rows: MotRows) -> Float[np.ndarray, " rows"]:
    """Class of each row; the first where the file does not say (-1, or no such column)."""
    classes = rows.column(CLASS, absent=float(PEDESTRIAN))
    if rows.values.shape[1] == MAX_COLUMNS and not _names_classes(rows):
        return np.full(len(rows.values), float(PEDESTRIAN))
    return np.where(classes == -1, PEDESTRIAN, classes)
