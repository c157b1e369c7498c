"""How annotated data become `boxes.parquet` and `videos.parquet`, and are read from them."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from trackformer.data.annotations import AnnotatedData
from trackformer.data.formats.parts.malformed import Report, refuse
from trackformer.data.formats.tables.columns import (
    BOX_COLUMNS,
    VIDEO_COLUMNS,
    Columns,
    Tables,
    data_of,
    tables_of,
)
from trackformer.errors import ConfigError, DataError

BOXES: Final = "boxes.parquet"
VIDEOS: Final = "videos.parquet"


def parquet_boxes(path: Path) -> Path | None:
    """The table of boxes that a path means; None where there is none."""
    boxes = path if path.name == BOXES else path / BOXES
    return boxes if boxes.is_file() and boxes.with_name(VIDEOS).is_file() else None


def read_parquet(path: Path, report: Report = refuse) -> AnnotatedData:
    """Read a folder with both tables, or its `boxes.parquet`.

    Raises:
        ConfigError: pyarrow is not installed.
        DataError: A table is missing or has not all columns.
    """
    boxes = parquet_boxes(path) or path / BOXES
    tables = Tables(_read_table(boxes), _read_table(boxes.with_name(VIDEOS)))
    return data_of(tables, boxes, report)


def write_parquet(data: AnnotatedData, folder: Path) -> None:
    """Write both tables.

    Raises:
        ConfigError: pyarrow is not installed.
    """
    check_pyarrow()
    tables = tables_of(data)
    _write_table(tables.boxes, BOX_COLUMNS, folder / BOXES)
    _write_table(tables.videos, VIDEO_COLUMNS, folder / VIDEOS)


def check_pyarrow() -> None:
    """Fail before hours of tracking rather than after.

    Raises:
        ConfigError: pyarrow is not installed.
    """
    if find_spec("pyarrow") is None:
        raise ConfigError("parquet: expected pyarrow: pip install pyarrow")


def _write_table(columns: Columns, types: Mapping[str, type], path: Path) -> None:
    import pyarrow
    from pyarrow import parquet

    kinds = {
        str: pyarrow.string(),
        int: pyarrow.int64(),
        float: pyarrow.float64(),
        bool: pyarrow.bool_(),
    }
    fields = pyarrow.schema([(name, kinds[kind]) for name, kind in types.items()])
    parquet.write_table(pyarrow.table(dict(columns), schema=fields), path)


def _read_table(path: Path) -> Columns:
    check_pyarrow()
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    try:
        # Not `read_table`, which takes values out of the names of folders, too.
        with ParquetFile(path) as file:
            columns: Columns = file.read().to_pydict()
    except (OSError, ArrowException, ValueError) as error:
        # ValueError: texts, and names of columns, that are no UTF-8.
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: expected a table of Parquet: {reason}") from error
    return columns
