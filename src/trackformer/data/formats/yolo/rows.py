"""What a row of a YOLO label file says: a box, a box with keypoints, or a polygon.

All are numbers behind a class, so the kinds are told apart by how many there are and what they are.
"""

from __future__ import annotations

from dataclasses import dataclass

from trackformer.data.formats.limits.numbers import finite, shown, whole
from trackformer.data.formats.parts.assembly import Entry
from trackformer.data.formats.parts.malformed import MalformedError, Mistake
from trackformer.data.masks import Polygons

BOX_COLUMNS, MIN_POLYGON_COLUMNS, ID_COLUMNS = 5, 7, 7
TOLERANCE = 0.01
"""Shares may leave [0, 1] by this much, through rounding; farther out they are something else."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What the rows of a data set are."""

    num_classes: int
    keypoint_numbers: int | None
    """Numbers behind each box; None: rows are boxes and polygons."""


class _RowError(ValueError):
    """What is wrong with a row."""

    def __init__(self, what: str, mistake: Mistake = "malformed") -> None:
        super().__init__(what)
        self.mistake = mistake


def parse_row(
    fields: list[str], where: str, image_size: tuple[int, int], layout: Layout
) -> Entry | MalformedError:
    """One object.

    Args:
        fields: Of the row, at least one.
        where: File and line.
        image_size: (height, width) of which the numbers are shares.
        layout: What the rows are.
    """
    try:
        return _parse(fields, where, image_size, layout)
    except _RowError as error:
        return MalformedError(error.mistake, where, str(error))
    except ValueError as error:
        return MalformedError("malformed", where, str(error))


def looks_like_keypoints(rows: list[list[str]]) -> bool:
    """Whether rows that could be polygons are boxes, each with its points inside.

    Polygons hardly ever have the same number of corners in all rows; four have those of turned
    boxes.
    """
    counts = {len(row) for row in rows}
    if len(rows) < 3 or len(counts) != 1 or counts & {BOX_COLUMNS, 9}:
        return False
    return all(_is_around(row) for row in rows)


def _parse(fields: list[str], where: str, size: tuple[int, int], layout: Layout) -> Entry:
    is_pose = layout.keypoint_numbers is not None
    pose_columns = BOX_COLUMNS + (layout.keypoint_numbers or 0)
    is_polygon = not is_pose and len(fields) >= MIN_POLYGON_COLUMNS and len(fields) % 2 == 1
    if is_pose and len(fields) not in (BOX_COLUMNS, pose_columns):
        raise _RowError(
            f"expected {BOX_COLUMNS} or {pose_columns} fields as kpt_shape says, got {len(fields)}"
        )
    if not is_pose and len(fields) != BOX_COLUMNS and not is_polygon:
        raise _RowError(
            f"expected a class and 4 numbers, or a class and a polygon, got {len(fields)} fields"
        )
    if is_polygon and _ends_in_id(fields):
        raise _RowError(
            "expected a class and 4 numbers, or a class and a polygon, got 7 fields that end in a "
            "whole number: a box with confidence and id, of which only the first five belong here"
        )
    label = _label(fields[0], layout.num_classes)
    values = [_number(field) for field in (fields[1:] if is_polygon else fields[1:BOX_COLUMNS])]
    if not all(-TOLERANCE <= value <= 1 + TOLERANCE for value in values):
        raise _RowError(f"expected shares of the image from 0 to 1, got {shown(' '.join(fields))}")
    height, width = size
    if is_polygon:
        outline = [value * (height if at % 2 else width) for at, value in enumerate(values)]
        box = (min(outline[::2]), min(outline[1::2]), max(outline[::2]), max(outline[1::2]))
        return Entry(where, 0, box, label=label, segmentation=Polygons((tuple(outline),)))
    x, y, w, h = values
    low = ((x - w / 2) * width, (y - h / 2) * height)
    return Entry(where, 0, (*low, low[0] + w * width, low[1] + h * height), label=label)


def _label(field: str, num_classes: int) -> int:
    try:
        # Some tools write all numbers of a row alike: 3.000000.
        label = _number(field)
        return whole(label, "a class", 0, num_classes - 1)
    except ValueError as error:
        is_number = field.replace(".", "", 1).lstrip("+-").isdecimal()
        raise _RowError(
            f"expected a class from 0 to {num_classes - 1}, got {shown(field)}",
            "unknown-class" if is_number else "malformed",
        ) from error


def _number(field: str) -> float:
    try:
        return finite(field, "a number")
    except ValueError as error:
        raise _RowError(f"expected numbers, got {shown(field)}") from error


def _ends_in_id(fields: list[str]) -> bool:
    """Whether seven fields are a box, its confidence and a track id, as trackers save them.

    A triangle, too, may end in a whole number - in the corner of the image, as others of its
    numbers then are.
    """
    if len(fields) != ID_COLUMNS or not fields[-1].isdecimal():
        return False
    return fields[-1] != "0" and any("." in field for field in fields[1:-1])


def _is_around(row: list[str]) -> bool:
    try:
        x, y, width, height, *points = (float(field) for field in row[1:])
    except ValueError:
        return False
    xs, ys = points[::2], points[1::2]
    return all(2 * abs(px - x) <= width for px in xs) and all(
        2 * abs(py - y) <= height for py in ys
    )
