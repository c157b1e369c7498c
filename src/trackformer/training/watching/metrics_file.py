"""A CSV of numbers by optimizer step that a resumed run goes on with, row by row."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from trackformer.atomic_files import atomic_path


class MetricsFile:
    """One row per step; cells stay empty where a step has no such number.

    Rows behind the step from which a run goes on are removed: they will be written again. So is a
    row that was cut off when the process was killed.

    Args:
        path: Of the file, which may exist.
        last_step: Of the rows to keep.
    """

    def __init__(self, path: Path, last_step: int) -> None:
        self._path = path
        self._columns: list[str] = []
        rows = [row for row in read_metrics(path) if int(row["step"]) <= last_step]
        if path.exists():
            self._columns = list(rows[0]) if rows else []
            self._rewrite(rows)

    def append(self, row: Mapping[str, float | int]) -> None:
        """Add a row; it must have a `step`. New columns are added behind the others."""
        new = [name for name in row if name not in self._columns]
        if new:
            self._columns += new
            self._rewrite(read_metrics(self._path))
        with self._path.open("a", newline="", encoding="utf-8") as file:
            csv.DictWriter(file, self._columns, restval="", lineterminator="\n").writerow(row)

    def _rewrite(self, rows: list[dict[str, str]]) -> None:
        with (
            atomic_path(self._path) as partial,
            partial.open("w", newline="", encoding="utf-8") as file,
        ):
            if self._columns:
                writer = csv.DictWriter(file, self._columns, restval="", lineterminator="\n")
                writer.writeheader()
                writer.writerows(rows)


def read_metrics(path: Path) -> list[dict[str, str]]:
    """The whole rows of a file, as text by column; none where there is no file."""
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8")
    whole_lines = text[: text.rfind("\n") + 1].splitlines()
    return list(csv.DictReader(whole_lines))
