"""How annotated data become `boxes.csv` and `videos.csv`, and are read from them."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from trackformer.data.annotations import AnnotatedData
from trackformer.data.formats.limits.numbers import MAX_ID, whole
from trackformer.data.formats.parts.malformed import MalformedError, Report, refuse
from trackformer.data.formats.parts.text_files import read_text
from trackformer.data.formats.tables.columns import (
    BOX_COLUMNS,
    VIDEO_COLUMNS,
    Columns,
    Tables,
    data_of,
    tables_of,
)
from trackformer.errors import DataError

BOXES: Final = "boxes.csv"
VIDEOS: Final = "videos.csv"


def csv_boxes(path: Path) -> Path | None:
    """The table of boxes that a path means; None where there is none."""
    boxes = path if path.name == BOXES else path / BOXES
    return boxes if boxes.is_file() and boxes.with_name(VIDEOS).is_file() else None


def read_csv(path: Path, report: Report = refuse) -> AnnotatedData:
    """Read a folder with both tables, or its `boxes.csv`.

    Raises:
        DataError: A table is missing or has not all columns.
    """
    boxes = csv_boxes(path) or path / BOXES
    tables = Tables(
        _read_table(boxes, BOX_COLUMNS, report),
        _read_table(boxes.with_name(VIDEOS), VIDEO_COLUMNS, report),
    )
    return data_of(tables, boxes, report)


def write_csv(data: AnnotatedData, folder: Path) -> None:
    """Write both tables; a cell is empty where the data do not say."""
    tables = tables_of(data)
    for name, columns in ((BOXES, tables.boxes), (VIDEOS, tables.videos)):
        with (folder / name).open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows(zip(*columns.values(), strict=True))


def _read_table(path: Path, types: Mapping[str, type], report: Report) -> Columns:
    lines = csv.reader(read_text(path, "a table of comma-separated values").splitlines())
    names = next(lines, [])
    columns: dict[str, list[Any]] = {name: [] for name in names}
    if len(columns) < len(names):
        raise DataError(f"{path}: expected each column once, got {', '.join(names)}")
    for number, cells in enumerate(lines, start=2):
        where = f"{path}:{number}"
        if len(cells) != len(names):
            what = f"expected {len(names)} cells as in the first line, got {len(cells)}"
            report(MalformedError("malformed", where, what))
            continue
        try:
            row = [
                _value(cell, types.get(name, str)) for name, cell in zip(names, cells, strict=True)
            ]
        except ValueError as error:
            report(MalformedError("malformed", where, f"expected numbers: {error}"))
            continue
        for name, value in zip(names, row, strict=True):
            columns[name].append(value)
    return columns


def _value(cell: str, kind: type) -> Any:
    if not cell:
        return None
    if kind is bool:
        return cell.lower() in ("true", "1")
    if kind is int:
        # Programs that know one type of number write 3 as 3.0.
        return whole(float(cell) if "." in cell else cell, "a whole number", -MAX_ID)
    return kind(cell)
