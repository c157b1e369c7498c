"""Whose columns a MOTChallenge-like file has: other benchmarks write others in the same places.

VisDrone and UAVDT count pixels from 0 and have classes of their own. Their rows are read as those
of MOTChallenge with names (`gt/labels.txt`): considered or ignored, a class counted from 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float

from trackformer.data.formats.mot.rows import (
    CLASS,
    CONSIDER,
    FRAME,
    HEIGHT,
    LEFT,
    TRACK_ID,
    VISIBILITY,
    WIDTH,
    MotRows,
)

VISDRONE_CLASSES = (
    "pedestrian", "people", "bicycle", "car", "van", "truck", "tricycle", "awning-tricycle", "bus",
    "motor",
)  # fmt: skip
VISDRONE_OTHERS = 11
"""Category of what is none of the classes; 0 are regions to ignore."""
VISDRONE_VISIBILITY = np.array([1.0, 0.75, 0.25])
"""By occlusion: none, up to half, more; the middle of each step."""
UAVDT_CLASSES = ("car", "truck", "bus")
UAVDT_VISIBILITY = np.array([1.0, 1.0, 0.85, 0.5, 0.15])
"""By occlusion 1 to 4: none, less than 30 %, up to 70 %, more."""
UAVDT_FILE_END = "_gt_whole"
TRUNCATION, OCCLUSION = 8, 9
"""VisDrone's columns behind score and category."""


@dataclass(frozen=True, slots=True, eq=False)
class NamedRows:
    """The rows of a ground truth and the names of the classes they count."""

    rows: MotRows
    class_names: tuple[str, ...]
    """Empty: MOTChallenge's own classes."""


def named_rows(rows: MotRows, class_names: tuple[str, ...]) -> NamedRows:
    """The rows with MOTChallenge's columns, whoever wrote them.

    Args:
        rows: As the file has them.
        class_names: What `labels.txt` says; empty where there is none.
    """
    if class_names or not len(rows.values):
        return NamedRows(rows, class_names)
    if is_visdrone(rows.values):
        return NamedRows(_from_visdrone(rows), VISDRONE_CLASSES)
    if is_uavdt(rows.values, rows.path):
        return NamedRows(_from_uavdt(rows), UAVDT_CLASSES)
    return NamedRows(rows, ())


def is_visdrone(values: Float[np.ndarray, "rows columns"]) -> bool:
    """Whether the last four of ten columns are score, category, truncation and occlusion.

    MOT15 has a score and three world coordinates there, which are -1 or no whole numbers.
    """
    if values.shape[1] != OCCLUSION + 1:
        return False
    ends = ((CONSIDER, 1), (CLASS, VISDRONE_OTHERS), (TRUNCATION, 1), (OCCLUSION, 2))
    are_steps = all(_are_steps(values[:, column], 0, most) for column, most in ends)
    # World coordinates that nobody measured may be three zeros.
    return bool(are_steps and values[:, CLASS].any())


def is_uavdt(values: Float[np.ndarray, "rows columns"], path: Path) -> bool:
    """Whether the last three of nine columns are view, occlusion and category (1 to 3, 4 and 3).

    A file of cars alone that nothing hides could be one of MOTChallenge, but for its name.
    """
    if values.shape[1] != VISIBILITY + 1:
        return False
    ends = ((CONSIDER, 3), (CLASS, 4), (VISIBILITY, 3))
    are_steps = all(_are_steps(values[:, column], 1, most) for column, most in ends)
    is_beyond = (values[:, [CONSIDER, VISIBILITY]] > 1).any()
    return bool(are_steps and (is_beyond or path.stem.endswith(UAVDT_FILE_END)))


def _from_visdrone(rows: MotRows) -> MotRows:
    category, score = rows.values[:, CLASS], rows.values[:, CONSIDER]
    is_object = (score == 1) & (category >= 1) & (category <= len(VISDRONE_CLASSES))
    occlusion = rows.values[:, OCCLUSION].astype(np.int64)
    return _translated(rows, is_object, category, VISDRONE_VISIBILITY[occlusion])


def _from_uavdt(rows: MotRows) -> MotRows:
    category, occlusion = rows.values[:, VISIBILITY], rows.values[:, CLASS].astype(np.int64)
    everything = np.ones(len(category), dtype=bool)
    return _translated(rows, everything, category, UAVDT_VISIBILITY[occlusion])


def _translated(
    rows: MotRows,
    is_object: Bool[np.ndarray, " rows"],
    classes: Float[np.ndarray, " rows"],
    visibility: Float[np.ndarray, " rows"],
) -> MotRows:
    own = rows.values
    values = np.concatenate(
        [
            own[:, [FRAME, TRACK_ID]],
            own[:, LEFT:WIDTH] + 1,
            own[:, WIDTH : HEIGHT + 1],
            np.stack([is_object, classes, visibility], axis=1),
        ],
        axis=1,
    )
    return MotRows(rows.path, values, rows.line_numbers, rows.track_ids)


def _are_steps(column: Float[np.ndarray, " rows"], least: int, most: int) -> bool:
    return bool(((column >= least) & (column <= most) & (column == np.floor(column))).all())
