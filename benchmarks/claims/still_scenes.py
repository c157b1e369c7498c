"""Still images of coloured ellipses in the three sizes by which COCO counts, as a COCO file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from jaxtyping import UInt8

SIDE: Final = 128
"""Of the square images, in pixels."""
SIZES: Final = {"large": (98, 112, 0, 1), "medium": (36, 72, 1, 2), "small": (14, 28, 1, 3)}
"""Square root of the area in pixels, least and most; how many of them, fewest and most. COCO's
borders are 32 and 96. Small ones are drawn last and so hidden by nobody."""
LARGEST_OVERLAP: Final = 0.3
"""Intersection over union, so that the best suppression could tell all of them apart."""
NAME: Final = "ellipse"


def write_still_scenes(folder: Path, count: int, seed: int) -> Path:
    """Draw `count` images once; returns their annotations, which are written last."""
    path = folder / "annotations.json"
    if path.exists():
        return path
    (folder / "images").mkdir(parents=True, exist_ok=True)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number in range(1, count + 1):
        pixels, boxes = _scene(np.random.default_rng([seed, number]))
        name = f"{number:05d}.png"
        cv2.imwrite(str(folder / "images" / name), pixels)
        images.append({"id": number, "file_name": name, "height": SIDE, "width": SIDE})
        for left, top, width, height in boxes:
            place = {"bbox": [left, top, width, height], "area": width * height, "iscrowd": 0}
            where = {"id": len(annotations) + 1, "image_id": number, "category_id": 1}
            annotations.append(where | place)
    categories = [{"id": 1, "name": NAME}]
    content = {"images": images, "annotations": annotations, "categories": categories}
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def _scene(
    random: np.random.Generator,
) -> tuple[UInt8[np.ndarray, "H W 3"], list[tuple[int, int, int, int]]]:
    """Pixels, and boxes as left, top, width, height; the last drawn lies in front."""
    coarse = random.integers(70, 150, size=(5, 5, 3)).astype(np.uint8)
    pixels = cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    boxes: list[tuple[int, int, int, int]] = []
    for least, most, fewest, many in SIZES.values():
        for _ in range(int(random.integers(fewest, many + 1))):
            box = _free_box(least, most, boxes, random)
            if box is not None:
                boxes.append(box)
                _draw(pixels, box, random)
    noise = random.normal(0, 6, size=pixels.shape)
    return np.clip(pixels + noise, 0, 255).astype(np.uint8), boxes


def _free_box(
    least: int,
    most: int,
    taken: list[tuple[int, int, int, int]],
    random: np.random.Generator,
) -> tuple[int, int, int, int] | None:
    for _ in range(20):
        side, stretch = random.uniform(least, most), random.uniform(0.9, 1.1)
        width, height = round(side * stretch), round(side / stretch)
        left, top = random.integers(SIDE - width + 1), random.integers(SIDE - height + 1)
        box = (int(left), int(top), width, height)
        if all(_overlap(box, other) < LARGEST_OVERLAP for other in taken):
            return box
    return None


def _overlap(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> float:
    shared = 1.0
    for axis in (0, 1):
        low = max(one[axis], other[axis])
        high = min(one[axis] + one[axis + 2], other[axis] + other[axis + 2])
        shared *= max(0, high - low)
    return shared / (one[2] * one[3] + other[2] * other[3] - shared)


def _draw(
    pixels: UInt8[np.ndarray, "H W 3"],
    box: tuple[int, int, int, int],
    random: np.random.Generator,
) -> None:
    """An ellipse in a strong colour with a dark border, which touches its box on all sides."""
    left, top, width, height = box
    hue = np.array([[[random.integers(180), 220, 230]]], dtype=np.uint8)
    colour = [int(value) for value in cv2.cvtColor(hue, cv2.COLOR_HSV2BGR)[0, 0]]
    centre = ((left + (width - 1) / 2), (top + (height - 1) / 2))
    for shrunk, shade in ((0, [30, 30, 30]), (4, colour)):
        size = (max(1, width - 1 - shrunk), max(1, height - 1 - shrunk))
        cv2.ellipse(pixels, (centre, size, 0.0), shade, thickness=-1, lineType=cv2.LINE_AA)
