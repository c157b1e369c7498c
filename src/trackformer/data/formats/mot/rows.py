"""How the lines of a MOTChallenge text file become columns of numbers, or one clear error."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int

from trackformer.data.formats.limits.numbers import MAX_COORDINATE, MAX_FRAME, MAX_ID
from trackformer.data.formats.parts.malformed import MalformedError, Mistake, Report, refuse
from trackformer.data.formats.parts.text_files import read_text

FRAME, TRACK_ID, LEFT, TOP, WIDTH, HEIGHT, CONSIDER, CLASS, VISIBILITY = range(9)
"""Columns of a ground-truth file; result files have the score in place of `CONSIDER`."""
MIN_COLUMNS, MAX_COLUMNS = 6, 10
EXACT = 2.0**53
"""From here on floating-point numbers skip whole ones."""


@dataclass(frozen=True, slots=True, eq=False)
class MotRows:
    """The lines of one file as they stand there: 1-based frames and pixels."""

    path: Path
    values: Float[np.ndarray, "rows columns"]
    """6 to 10 columns, the same number in every line."""
    line_numbers: Int[np.ndarray, " rows"]
    track_ids: Int[np.ndarray, " rows"]
    """The ids to the last digit."""

    def column(self, index: int, absent: float) -> Float[np.ndarray, " rows"]:
        """One column, or `absent` in every row of a file that does not have it."""
        if index < self.values.shape[1]:
            return self.values[:, index]
        return np.full(len(self.values), absent)

    def error(self, row: int, message: str, mistake: Mistake = "malformed") -> MalformedError:
        """An error that points at the line of a row."""
        return MalformedError(mistake, f"{self.path}:{self.line_numbers[row]}", message)

    def where(self, is_good: Bool[np.ndarray, " rows"]) -> MotRows:
        """Only some of the rows."""
        return MotRows(
            self.path, self.values[is_good], self.line_numbers[is_good], self.track_ids[is_good]
        )


def read_mot_rows(path: Path, report: Report = refuse) -> MotRows:
    """Read and check a ground-truth, detection or result file.

    Checked for every kind: all lines have the same 6 to 10 columns of finite numbers, whole frames
    from 1 on, whole ids, no negative sizes, and no id (but -1) twice in a frame. Other lines are
    reported and left out.
    """
    text = read_text(path, "a text file of comma-separated numbers")
    values = _parse_flawless(text)
    if values is None:
        rows = _parse_line_by_line(path, text, report)
    else:
        rows = _rows(path, values, np.arange(1, len(values) + 1))
    return _with_unique_ids(_with_exact_ids(_with_good_values(rows, report), text), report)


def boxes_from_zero(rows: MotRows) -> Float[np.ndarray, "rows 4"]:
    """Left, top, right, bottom in 0-based pixels."""
    low = rows.values[:, LEFT:WIDTH] - 1
    return np.concatenate([low, low + rows.values[:, WIDTH : HEIGHT + 1]], axis=1)


def rows_by_frame(rows: MotRows) -> Iterator[tuple[int, Int[np.ndarray, " chosen"]]]:
    """0-based frame and its rows in the order of the file, for every frame that has some."""
    frames = rows.values[:, FRAME].astype(np.int64)
    order = np.argsort(frames, kind="stable")
    starts = np.flatnonzero(np.diff(frames[order])) + 1
    for chosen in np.split(order, starts):
        if len(chosen):
            yield int(frames[chosen[0]]) - 1, chosen


def _parse_flawless(text: str) -> Float[np.ndarray, "rows columns"] | None:
    """The numbers of a file without blank or malformed lines, all at once; None for any other."""
    lines = text.splitlines()
    if not lines or "," not in lines[0] or not all(lines):
        return None
    try:
        values = np.loadtxt(lines, delimiter=",", comments=None, ndmin=2)
    except ValueError:
        return None
    is_whole = len(values) == len(lines) and MIN_COLUMNS <= values.shape[1] <= MAX_COLUMNS
    return values if is_whole else None


def _parse_line_by_line(path: Path, text: str, report: Report) -> MotRows:
    """The numbers of the lines that hold some; other lines are reported."""
    numbers: list[list[float]] = []
    line_numbers: list[int] = []
    for line_number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        row = _parse_line(line, len(numbers[0]) if numbers else None)
        if isinstance(row, str):
            report(MalformedError("malformed", f"{path}:{line_number}", row))
            continue
        numbers.append(row)
        line_numbers.append(line_number)
    values = np.array(numbers, dtype=np.float64) if numbers else np.zeros((0, MIN_COLUMNS))
    return _rows(path, values, np.array(line_numbers, dtype=np.int64))


def _rows(
    path: Path, values: Float[np.ndarray, "rows columns"], line_numbers: Int[np.ndarray, " rows"]
) -> MotRows:
    return MotRows(path, values, line_numbers, np.zeros(len(values), dtype=np.int64))


def _with_exact_ids(rows: MotRows, text: str) -> MotRows:
    """Checked rows with their ids; the text is asked again where the numbers cannot hold them."""
    ids = rows.values[:, TRACK_ID].astype(np.int64)
    lines = text.splitlines() if (np.abs(rows.values[:, TRACK_ID]) >= EXACT).any() else []
    for row in np.flatnonzero(np.abs(rows.values[:, TRACK_ID]) >= EXACT):
        line = lines[rows.line_numbers[row] - 1]
        field = (line.split(",") if "," in line else line.split())[TRACK_ID].strip()
        if field.lstrip("+-").isdecimal() and abs(int(field)) <= MAX_ID:
            ids[row] = int(field)
    return replace(rows, track_ids=ids)


def _parse_line(line: str, num_columns: int | None) -> list[float] | str:
    """The numbers of a line, or what is wrong with it."""
    fields = line.strip().rstrip(",").split(",") if "," in line else line.split()
    if not MIN_COLUMNS <= len(fields) <= MAX_COLUMNS:
        return (
            f"expected {MIN_COLUMNS} to {MAX_COLUMNS} columns "
            f"(frame,id,left,top,width,height,...), got {len(fields)}"
        )
    if num_columns is not None and len(fields) != num_columns:
        return f"expected {num_columns} columns as in the first line, got {len(fields)}"
    try:
        return [float(field) for field in fields]
    except ValueError:
        return f"expected numbers, got {line.strip()!r}"


def _with_good_values(rows: MotRows, report: Report) -> MotRows:
    values = rows.values
    frames, ids, sizes = values[:, FRAME], values[:, TRACK_ID], values[:, WIDTH : HEIGHT + 1]
    checks = (
        (np.isfinite(values).all(1), "finite numbers"),
        ((frames >= 1) & (frames == np.floor(frames)), "a whole frame number from 1 on"),
        (frames <= MAX_FRAME, f"a frame number up to {MAX_FRAME}"),
        (ids == np.floor(ids), "a whole id"),
        (np.abs(ids) < float(MAX_ID), "an id of at most 63 bits"),
        ((sizes >= 0).all(1), "a width and height of at least 0"),
        (
            (np.abs(values[:, LEFT : HEIGHT + 1]) <= MAX_COORDINATE).all(1),
            f"corners of at most {MAX_COORDINATE:g} pixels",
        ),
    )
    is_good = np.ones(len(values), dtype=bool)
    for passes, expected in checks:
        for row in np.flatnonzero(is_good & ~passes):
            got = ",".join(f"{value:g}" for value in values[row, : HEIGHT + 1])
            report(rows.error(int(row), f"expected {expected}, got {got}"))
        is_good &= passes
    return rows.where(is_good)


def _with_unique_ids(rows: MotRows, report: Report) -> MotRows:
    has_id = np.flatnonzero(rows.track_ids >= 0)
    frames = rows.values[:, FRAME].astype(np.int64)
    keys = np.stack([frames[has_id], rows.track_ids[has_id]], axis=1)
    _, first_rows = np.unique(keys, axis=0, return_index=True)
    is_good = np.ones(len(rows.values), dtype=bool)
    for row in has_id[np.setdiff1d(np.arange(len(keys)), first_rows)]:
        frame, track_id = frames[row], rows.track_ids[row]
        what = f"expected each id once in a frame, got id {track_id} again in frame {frame}"
        report(rows.error(int(row), what, "shared-id"))
        is_good[row] = False
    return rows.where(is_good)
