"""Annotated data of any known format by one call."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from trackformer.data.annotations import AnnotatedData
from trackformer.data.clips.settings import SourceSettings
from trackformer.data.formats.known import FORMATS
from trackformer.data.formats.limits.containment import within_data
from trackformer.data.formats.names import FormatName
from trackformer.data.formats.parts.malformed import MalformedError, Report, refuse
from trackformer.data.synthetic.dataset import synthetic_data
from trackformer.errors import DataError


def read_annotations(
    path: Path,
    format_name: FormatName | None = None,
    report: Report = refuse,
    image_folders: Sequence[Path] = (),
) -> AnnotatedData:
    """Read annotated data of the given format, or of the one the path looks like.

    Args:
        path: A file or folder.
        format_name: None: the one it looks like.
        report: Takes what is malformed.
        image_folders: Where images may lie besides the data's own folder.

    Raises:
        DataError: There is nothing, nothing known, or something malformed that is not reported.
    """
    try:
        data = FORMATS[format_name or recognised_format(path)].read(path, report)
        return within_data(data, path, image_folders, report)
    except MalformedError as error:
        named = f" --format {format_name}" if format_name is not None else ""
        raise DataError(
            f"{error}; `trackformer data check {path}{named}` lists all that is wrong"
        ) from error


def recognised_format(path: Path) -> FormatName:
    """The first format that a path looks like.

    Raises:
        DataError: It is missing, or looks like none.
    """
    if not path.exists():
        raise DataError(f"{path}: no such file or folder")
    for name, known in FORMATS.items():
        if known.recognises(path):
            return name
    looked_for = "; ".join(f"{name}: {known.looks_for}" for name, known in FORMATS.items())
    raise DataError(f"{path}: expected annotations of a known format, found none of {looked_for}")


def read_source(source: SourceSettings) -> AnnotatedData:
    """The annotated data that training draws clips from.

    Raises:
        DataError: See `read_annotations` and `synthetic_data`.
    """
    if source.path is not None:
        return read_annotations(source.path, source.format, image_folders=source.image_folders)
    assert source.synthetic is not None
    return synthetic_data(source.synthetic)
