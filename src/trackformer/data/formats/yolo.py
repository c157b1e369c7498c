"""How YOLO folders are read and written: `data.yaml`, images, and one text file for each image.

A line is `class centre_x centre_y width height` in shares of the image, or a class and a polygon.
The format knows neither videos nor identities.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from trackformer.data.annotations import AnnotatedData, AnnotatedFrame, AnnotatedSequence
from trackformer.data.formats.assembly import Entry, assemble_frames
from trackformer.data.formats.malformed import MalformedError, Report, refuse
from trackformer.data.formats.text_files import read_text
from trackformer.data.formats.writing import (
    image_suffix,
    required_size,
    still_or_frame_name,
)
from trackformer.data.masks import Polygons
from trackformer.errors import DataError
from trackformer.frame_files import images_below
from trackformer.image_files import image_size

SETTINGS_NAMES = ("data.yaml", "data.yml", "dataset.yaml")
BOX_COLUMNS, MIN_POLYGON_COLUMNS = 5, 7
PLACES = 9
"""Decimal places of a share: finer than a millionth of a pixel in any image."""


def find_settings(path: Path) -> Path | None:
    """The `data.yaml` that a path means: itself, in the folder, or up to three folders above."""
    if path.is_file():
        return path if path.suffix in (".yaml", ".yml") else None
    for folder in (path, *path.resolve().parents[:3]):
        for name in SETTINGS_NAMES:
            if (folder / name).is_file():
                return folder / name
    return None


def read_yolo(path: Path, report: Report = refuse) -> AnnotatedData:
    """Read the images of a `data.yaml` (its `train`) or of one image folder below it (its `val`).

    An image without a label file has no objects.

    Raises:
        DataError: `data.yaml` is missing or malformed, or names no images.
    """
    settings_path = find_settings(path)
    if settings_path is None:
        raise DataError(f"{path}: expected a data.yaml here or above")
    settings = _read_settings(settings_path)
    class_names = _class_names(settings, settings_path)
    is_whole = path.is_file() or settings_path.parent.resolve() == path.resolve()
    images = _split_images(settings, settings_path) if is_whole else images_below(path)
    if not images:
        raise DataError(f"{path}: expected images in it, got none")
    sequences = (_read_still(image, class_names, report) for image in images)
    return AnnotatedData(tuple(still for still in sequences if still is not None), class_names)


def write_yolo(data: AnnotatedData, folder: Path) -> None:
    """Write `data.yaml` and `labels/`; boxes end at the border of the image."""
    (folder / "labels").mkdir(parents=True)
    settings = {"path": ".", "train": "images", "val": "images"}
    names = dict(enumerate(data.class_names))
    text = yaml.safe_dump(settings | {"names": names}, sort_keys=False, allow_unicode=True)
    (folder / "data.yaml").write_text(text, encoding="utf-8")
    for sequence in data.sequences:
        size = required_size(sequence)
        for frame in sequence.frames:
            name = still_or_frame_name(sequence, frame)
            text = "".join(_lines(frame, size))
            (folder / "labels" / f"{name}.txt").write_text(text, encoding="utf-8")


def yolo_image_place(sequence: AnnotatedSequence, frame: AnnotatedFrame) -> str:
    """`images/NAME.jpg`, or `images/NAME_000012.jpg` for a frame of a video."""
    return f"images/{still_or_frame_name(sequence, frame)}{image_suffix(frame)}"


def _lines(frame: AnnotatedFrame, image_size: tuple[int, int]) -> Iterator[str]:
    height, width = image_size
    for label, box in zip(frame.labels, frame.boxes_xyxy, strict=True):
        left, right = (min(max(x / width, 0.0), 1.0) for x in box[[0, 2]])
        top, bottom = (min(max(y / height, 0.0), 1.0) for y in box[[1, 3]])
        if right > left and bottom > top:
            shares = ((left + right) / 2, (top + bottom) / 2, right - left, bottom - top)
            yield f"{label} " + " ".join(f"{share:.{PLACES}f}" for share in shares) + "\n"


def _read_settings(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(read_text(path, "a YAML file"))
    except yaml.YAMLError as error:
        raise DataError(f"{path}: expected a YAML file: {error}") from error
    if not isinstance(content, dict) or "names" not in content:
        raise DataError(f"{path}: expected the keys train, val and names")
    return content


def _class_names(settings: dict[str, Any], path: Path) -> tuple[str, ...]:
    names = settings["names"]
    if isinstance(names, list):
        names = dict(enumerate(names))
    if not isinstance(names, dict) or sorted(names) != list(range(len(names))):
        raise DataError(f"{path}: expected names as a list, or numbered from 0 without gaps")
    declared = settings.get("nc", len(names))
    if declared != len(names):
        raise DataError(f"{path}: expected {declared} names as nc says, got {len(names)}")
    return tuple(str(names[label]) for label in range(len(names)))


def _split_images(settings: dict[str, Any], path: Path) -> list[Path]:
    """The images of `train`: a folder, a text file that lists images, or a list of those."""
    given = settings.get("train") or []
    places = given if isinstance(given, list) else [given]
    root = path.parent / str(settings.get("path") or "")
    root = root if root.is_dir() else path.parent
    images: list[Path] = []
    for place in places:
        # Exports of some tools count `../train/images` from a folder that does not exist here.
        choices = [root / str(place), path.parent / str(place), path.parent / str(place)[3:]]
        found = next((choice for choice in choices if choice.exists()), None)
        if found is None:
            raise DataError(f"{path}: expected the images of train in {choices[0]}, got none")
        if found.is_file():
            lines = read_text(found, "a list of images").split()
            images += [found.parent / line for line in lines]
        else:
            images += images_below(found)
    return images


def _label_path(image: Path) -> Path:
    """The last `images` in the path becomes `labels`, as in the programs that read this format."""
    parts = list(image.parent.parts)
    places = [place for place, part in enumerate(parts) if part == "images"]
    if places:
        parts[places[-1]] = "labels"
    return Path(*parts, f"{image.stem}.txt")


def _read_still(
    image: Path, class_names: Sequence[str], report: Report
) -> AnnotatedSequence | None:
    size = image_size(image)
    if size is None:
        report(MalformedError("missing-image", str(image), "expected a readable image"))
        return None
    label_path = _label_path(image)
    text = read_text(label_path, "a text file of numbers") if label_path.is_file() else ""
    entries = []
    for line_number, line in enumerate(text.splitlines(), start=1):
        entry = _parse_line(line.split(), f"{label_path}:{line_number}", size, len(class_names))
        if isinstance(entry, MalformedError):
            report(entry)
        elif entry is not None:
            entries.append(entry)
    numbered = [replace(entry, track_id=place) for place, entry in enumerate(entries, start=1)]
    return AnnotatedSequence(
        name=image.name,
        frames=assemble_frames(numbered, (image,), report),
        image_size=size,
        frame_rate=None,
        is_video=False,
        forgives_ignored=True,
        annotation_path=label_path,
    )


def _parse_line(
    fields: list[str], where: str, size: tuple[int, int], num_classes: int
) -> Entry | MalformedError | None:
    """One object; None for an empty line."""
    if not fields:
        return None
    is_polygon = len(fields) >= MIN_POLYGON_COLUMNS and len(fields) % 2 == 1
    if len(fields) != BOX_COLUMNS and not is_polygon:
        what = f"expected a class and 4 numbers, or a class and a polygon, got {len(fields)} fields"
        return MalformedError("malformed", where, what)
    try:
        label, values = float(fields[0]), [float(field) for field in fields[1:]]
    except ValueError:
        return MalformedError("malformed", where, f"expected numbers, got {' '.join(fields)!r}")
    if not 0 <= label < num_classes or label != int(label):
        what = f"expected a class from 0 to {num_classes - 1}, got {fields[0]}"
        return MalformedError("unknown-class", where, what)
    height, width = size
    if is_polygon:
        outline = [value * (height if at % 2 else width) for at, value in enumerate(values)]
        box = (min(outline[::2]), min(outline[1::2]), max(outline[::2]), max(outline[1::2]))
        return Entry(where, 0, box, label=int(label), segmentation=Polygons((tuple(outline),)))
    x, y, w, h = values
    low = ((x - w / 2) * width, (y - h / 2) * height)
    return Entry(where, 0, (*low, low[0] + w * width, low[1] + h * height), label=int(label))
