"""How the lines of a MOTChallenge text file become columns of numbers, or one clear error."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from trackformer.errors import DataError

FRAME, TRACK_ID, LEFT, TOP, WIDTH, HEIGHT, CONSIDER, CLASS, VISIBILITY = range(9)
"""Columns of a ground-truth file; result files have the score in place of `CONSIDER`."""
MIN_COLUMNS, MAX_COLUMNS = 6, 10


@dataclass(frozen=True, slots=True, eq=False)
class MotRows:
    """The lines of one file as they stand there: 1-based frames and pixels."""

    path: Path
    values: Float[np.ndarray, "rows columns"]
    """6 to 10 columns, the same number in every line."""
    line_numbers: Int[np.ndarray, " rows"]

    def column(self, index: int, absent: float) -> Float[np.ndarray, " rows"]:
        """One column, or `absent` in every row of a file that does not have it."""
        if index < self.values.shape[1]:
            return self.values[:, index]
        return np.full(len(self.values), absent)

    def error(self, row: int, message: str) -> DataError:
        """An error that points at the line of a row."""
        return DataError(f"{self.path}:{self.line_numbers[row]}: {message}")


def read_mot_rows(path: Path) -> MotRows:
    """Read and check a ground-truth, detection or result file.

    Checked for every kind: all lines have the same 6 to 10 columns of finite numbers, whole frames
    from 1 on, whole ids, no negative sizes, and no id (but -1) twice in a frame.
    """
    numbers: list[list[float]] = []
    line_numbers: list[int] = []
    for line_number, line in enumerate(_read_text(path).splitlines(), start=1):
        if not line.strip():
            continue
        row = _parse_line(line, f"{path}:{line_number}")
        if numbers and len(row) != len(numbers[0]):
            raise DataError(
                f"{path}:{line_number}: expected {len(numbers[0])} columns as in the first line, "
                f"got {len(row)}"
            )
        numbers.append(row)
        line_numbers.append(line_number)
    values = np.array(numbers, dtype=np.float64) if numbers else np.zeros((0, MIN_COLUMNS))
    rows = MotRows(path, values, np.array(line_numbers, dtype=np.int64))
    _check_values(rows)
    _check_unique_ids(rows)
    return rows


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: expected a text file of comma-separated numbers") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error


def _parse_line(line: str, where: str) -> list[float]:
    fields = line.strip().rstrip(",").split(",") if "," in line else line.split()
    if not MIN_COLUMNS <= len(fields) <= MAX_COLUMNS:
        raise DataError(
            f"{where}: expected {MIN_COLUMNS} to {MAX_COLUMNS} columns "
            f"(frame,id,left,top,width,height,...), got {len(fields)}"
        )
    try:
        return [float(field) for field in fields]
    except ValueError as error:
        raise DataError(f"{where}: expected numbers, got {line.strip()!r}") from error


def _check_values(rows: MotRows) -> None:
    values = rows.values
    frames, ids, sizes = values[:, FRAME], values[:, TRACK_ID], values[:, WIDTH : HEIGHT + 1]
    checks = (
        (np.isfinite(values).all(1), "finite numbers"),
        ((frames >= 1) & (frames == np.floor(frames)), "a whole frame number from 1 on"),
        (ids == np.floor(ids), "a whole id"),
        ((sizes >= 0).all(1), "a width and height of at least 0"),
    )
    for is_good, expected in checks:
        if not is_good.all():
            row = int(np.argmin(is_good))
            got = ",".join(f"{value:g}" for value in values[row, : HEIGHT + 1])
            raise rows.error(row, f"expected {expected}, got {got}")


def _check_unique_ids(rows: MotRows) -> None:
    has_id = np.flatnonzero(rows.values[:, TRACK_ID] >= 0)
    keys = rows.values[has_id][:, [FRAME, TRACK_ID]]
    _, first_rows = np.unique(keys, axis=0, return_index=True)
    if len(first_rows) < len(keys):
        row = int(has_id[np.setdiff1d(np.arange(len(keys)), first_rows)[0]])
        frame, track_id = rows.values[row, [FRAME, TRACK_ID]].astype(int)
        raise rows.error(
            row, f"expected each id once in a frame, got id {track_id} again in frame {frame}"
        )
