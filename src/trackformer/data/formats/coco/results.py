"""Detections as COCO's result files hold them, and the images of a COCO file they belong to."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from trackformer.atomic_files import whole_file
from trackformer.data.formats.coco.reading import (
    Record,
    coco_image_folder,
    is_of_video,
    read_coco_json,
)
from trackformer.data.formats.limits.containment import leads_out
from trackformer.data.formats.parts.image_folders import is_file
from trackformer.data.formats.parts.text_files import read_json
from trackformer.errors import ConfigError, DataError

if TYPE_CHECKING:
    # Only for the signature: result files are read and scored without loading torch.
    import trackformer.objects

RESULT_KEYS: Final = ("image_id", "category_id", "bbox", "score")


@dataclass(frozen=True, slots=True)
class CocoImages:
    """The images and categories of one COCO file."""

    path: Path
    images: Mapping[int, Path]
    """Where each image id lies."""
    category_ids: Mapping[str, int]
    """By name."""


def still_images_file(path: Path) -> Path | None:
    """The COCO json file of still images that a path means: itself, or the only one in a folder."""
    files = sorted(path.glob("*.json")) if path.is_dir() else [path]
    return files[0] if len(files) == 1 and holds_still_images(files[0]) else None


def holds_still_images(path: Path) -> bool:
    """Whether a file is a COCO json file whose images are no frames of videos."""
    if path.suffix != ".json" or not path.is_file():
        return False
    content = read_json(path)
    if not isinstance(content, dict) or "images" not in content:
        return False
    return not any(is_of_video(image) for image in content["images"])


def read_coco_images(path: Path, image_folder: Path | None = None) -> CocoImages:
    """Look up where the images of a COCO file lie.

    Args:
        path: The json file.
        image_folder: Where the images lie; absent: where `read_coco` looks for them.

    Raises:
        DataError: The file is malformed, or an image is missing.
    """
    content = read_coco_json(path)
    folder = image_folder or coco_image_folder(path, content["images"])
    images = {image["id"]: folder / image["file_name"] for image in content["images"]}
    for image in images.values():
        if leads_out(image, folder):
            raise DataError(f"{path}: expected images in {folder}, got {str(image)!r}")
    missing = [image.name for image in images.values() if not is_file(image)]
    if missing:
        raise DataError(
            f"{path}: expected all {len(images)} images in {folder}, got no {missing[0]} "
            f"({len(missing)} missing)"
        )
    names = {str(category["name"]): int(category["id"]) for category in content["categories"]}
    return CocoImages(path, images, names)


def matching_categories(images: CocoImages, class_names: Sequence[str]) -> dict[int, int]:
    """Category id of each label of a model: by name, or the one of each where both have only one.

    Raises:
        ConfigError: No class of the model is among the categories.
    """
    found = {
        label: images.category_ids[name]
        for label, name in enumerate(class_names)
        if name in images.category_ids
    }
    if not found and len(class_names) == len(images.category_ids) == 1:
        return {0: next(iter(images.category_ids.values()))}
    if not found:
        raise ConfigError(
            f"{images.path}: expected categories among the model's classes "
            f"({', '.join(class_names)}), got {', '.join(images.category_ids)}"
        )
    return found


def as_coco_results(
    image_id: int, detections: trackformer.objects.Detections, category_of: Mapping[int, int]
) -> list[dict[str, Any]]:
    """The detections of one image; those whose class has no category are left out."""
    rows = zip(
        detections.boxes_xyxy.tolist(),
        detections.scores.tolist(),
        detections.labels.tolist(),
        strict=True,
    )
    return [
        {
            "image_id": image_id,
            "category_id": category_of[label],
            "bbox": [round(n, 3) for n in (left, top, right - left, bottom - top)],
            "score": round(score, 5),
        }
        for (left, top, right, bottom), score, label in rows
        if label in category_of
    ]


def write_coco_results(path: Path, results: Sequence[Record]) -> None:
    """Write a result file, which appears complete or not at all; inverse of `read_coco_results`.

    Raises:
        DataError: The file cannot be written.
    """
    with whole_file(path) as partial:
        partial.write_text(json.dumps(list(results)), encoding="utf-8")


def read_coco_results(path: Path) -> list[Record]:
    """Read a result file: a list of entries with `image_id`, `category_id`, `bbox` and `score`.

    Raises:
        DataError: The file is no such list; the message names the first bad entry.
    """
    content = read_json(path)
    if not isinstance(content, list):
        raise DataError(f"{path}: expected a list of detections, got {type(content).__name__}")
    for number, entry in enumerate(content):
        if not _is_result(entry):
            raise DataError(
                f"{path}: entry {number}: expected {', '.join(RESULT_KEYS)} with a box of four "
                f"finite numbers, got {entry!r}"
            )
    return content


def _is_result(entry: Any) -> bool:
    if not isinstance(entry, dict) or not all(key in entry for key in RESULT_KEYS):
        return False
    box = entry["bbox"]
    numbers = [*box, entry["score"]] if isinstance(box, list) and len(box) == 4 else [None]
    return all(isinstance(number, int | float) and math.isfinite(number) for number in numbers)
