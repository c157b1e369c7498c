"""How data become a YOLO folder: `data.yaml`, images, and one text file for each image."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import yaml

from trackformer.data.annotations import AnnotatedData, AnnotatedFrame, AnnotatedSequence
from trackformer.data.formats.parts.writing import (
    image_suffix,
    required_size,
    still_or_frame_name,
)

PLACES = 9
"""Decimal places of a share: finer than a millionth of a pixel in any image."""


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
