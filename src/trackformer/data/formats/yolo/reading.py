"""How YOLO folders are read: the images of a data set, and one text file for each image.

A row is `class centre_x centre_y width height` in shares of the image, or a class and a polygon.
The format knows neither videos nor identities.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from pathlib import Path

from trackformer.data.annotations import AnnotatedData, AnnotatedSequence
from trackformer.data.formats.parts.assembly import Entry, assemble_frames
from trackformer.data.formats.parts.image_folders import is_file
from trackformer.data.formats.parts.malformed import MalformedError, Report, refuse
from trackformer.data.formats.parts.text_files import read_text
from trackformer.data.formats.yolo.places import (
    YoloSettings,
    find_settings,
    label_path,
    orphans,
    read_settings,
    training_images,
)
from trackformer.data.formats.yolo.rows import (
    BOX_COLUMNS,
    Layout,
    looks_like_keypoints,
    parse_row,
)
from trackformer.errors import DataError
from trackformer.frame_files import images_below
from trackformer.image_files import image_size


def read_yolo(path: Path, report: Report = refuse) -> AnnotatedData:
    """Read the images of a data set (its `train`) or of one image folder below it (its `val`).

    An image without a label file has no objects. Folders are read at any depth.

    Raises:
        DataError: The settings are missing or malformed, or name no images.
    """
    settings_path = find_settings(path)
    if settings_path is None:
        raise DataError(f"{path}: expected a data.yaml here or above")
    settings = read_settings(settings_path)
    is_whole = path.is_file() or settings_path.parent.resolve() == path.resolve()
    images = training_images(settings, report) if is_whole else images_below(path)
    if not images:
        raise DataError(f"{path}: expected images in it, got none")
    for label in orphans(images):
        what = "expected an image for these labels, got none"
        report(MalformedError("missing-image", str(label), what))
    rows = {image: _rows(image, report) for image in images}
    _check_kind(rows, settings, report)
    layout = Layout(len(settings.class_names), settings.keypoint_numbers)
    names = _names(images)
    sequences = (_read_still(image, names[image], rows[image], layout, report) for image in images)
    return AnnotatedData(
        tuple(still for still in sequences if still is not None), settings.class_names
    )


def _names(images: list[Path]) -> dict[Path, str]:
    """The name of each file, with its folders where another has the same."""
    counts = Counter(image.name for image in images)
    if len(counts) == len(images):
        return {image: image.name for image in images}
    root = Path(os.path.commonpath(images))
    return {image: image.relative_to(root).as_posix() for image in images}


def _check_kind(
    rows: dict[Path, list[tuple[str, list[str]]]], settings: YoloSettings, report: Report
) -> None:
    """Report keypoints that `kpt_shape` does not announce: they would become outlines."""
    polygons = [
        fields for found in rows.values() for _, fields in found if len(fields) > BOX_COLUMNS
    ]
    if settings.keypoint_numbers is None and looks_like_keypoints(polygons):
        what = (
            f"expected polygons, got rows of {len(polygons[0])} fields that look like boxes with "
            "keypoints; say kpt_shape: [points, 2 or 3]"
        )
        report(MalformedError("malformed", str(settings.path), what))


def _rows(image: Path, report: Report) -> list[tuple[str, list[str]]]:
    """Place and fields of each row of an image's label file."""
    labels = label_path(image)
    if not is_file(labels):
        beside = image.with_suffix(".txt")
        if is_file(beside):
            what = f"expected labels in {labels}, got them beside the image: move them"
            report(MalformedError("malformed", str(beside), what))
        return []
    lines = read_text(labels, "a text file of numbers").splitlines()
    numbered = ((f"{labels}:{number}", line.split()) for number, line in enumerate(lines, start=1))
    return [(where, fields) for where, fields in numbered if fields]


def _read_still(
    image: Path, name: str, rows: list[tuple[str, list[str]]], layout: Layout, report: Report
) -> AnnotatedSequence | None:
    size = image_size(image)
    if size is None:
        report(MalformedError("missing-image", str(image), "expected a readable image"))
        return None
    parsed = [parse_row(fields, where, size, layout) for where, fields in rows]
    entries: list[Entry] = []
    for entry in parsed:
        if isinstance(entry, MalformedError):
            report(entry)
        else:
            entries.append(replace(entry, track_id=len(entries) + 1))
    return AnnotatedSequence(
        name=name,
        frames=assemble_frames(entries, (image,), report),
        image_size=size,
        frame_rate=None,
        is_video=False,
        forgives_ignored=True,
        annotation_path=label_path(image),
    )
