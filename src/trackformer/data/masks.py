"""How an object's outline is stored, and how it becomes a mask when one is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np
from jaxtyping import Bool

from trackformer.errors import DataError

MAX_RUN_BITS = 60


@dataclass(frozen=True, slots=True)
class Polygons:
    """Closed outlines of one object's parts, each x, y, x, y, ... in pixels."""

    parts: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class RunLengths:
    """COCO's run-length encoding: runs of background and object by turns, column by column."""

    counts: tuple[int, ...] | str
    """Lengths of the runs, or COCO's compressed text of them."""
    image_size: tuple[int, int]
    """(height, width)."""

    def runs(self) -> tuple[int, ...]:
        """Lengths of the runs; their sum is the image's, unless the text is damaged."""
        return _decompress(self.counts) if isinstance(self.counts, str) else self.counts


@dataclass(frozen=True, slots=True)
class MaskImage:
    """An image of object numbers in which one value belongs to the object."""

    path: Path
    value: int


Segmentation: TypeAlias = Polygons | RunLengths | MaskImage


def decode_mask(segmentation: Segmentation, image_size: tuple[int, int]) -> Bool[np.ndarray, "H W"]:
    """Pixels of the object in an image of (height, width).

    Raises:
        DataError: A mask image is missing, or a mask has another size than its image.
    """
    if isinstance(segmentation, RunLengths) and segmentation.image_size != image_size:
        got = segmentation.image_size
        raise DataError(f"expected a mask of (height, width) {image_size}, got {got}")
    match segmentation:
        case Polygons():
            mask = _decode_polygons(segmentation, image_size)
        case RunLengths():
            mask = _decode_run_lengths(segmentation)
        case MaskImage():
            mask = _decode_mask_image(segmentation)
    if mask.shape != image_size:
        raise DataError(f"expected a mask of (height, width) {image_size}, got {mask.shape}")
    return mask


def encode_mask(mask: Bool[np.ndarray, "H W"]) -> RunLengths:
    """The inverse of `decode_mask`, as compressed text."""
    from pycocotools import mask as coco_mask  # type: ignore[import-untyped]

    encoded = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))
    return RunLengths(encoded["counts"].decode(), (mask.shape[0], mask.shape[1]))


def _decode_polygons(polygons: Polygons, image_size: tuple[int, int]) -> Bool[np.ndarray, "H W"]:
    # COCO's own rasteriser, so that our masks are the ones its AP is computed on.
    from pycocotools import mask as coco_mask

    parts = coco_mask.frPyObjects([list(part) for part in polygons.parts], *image_size)
    merged = coco_mask.merge(parts)
    return _decode_run_lengths(RunLengths(merged["counts"].decode(), image_size))


def _decode_run_lengths(runs: RunLengths) -> Bool[np.ndarray, "H W"]:
    # Not pycocotools' own decoder: it warns of its use of NumPy, which tests turn into errors.
    counts = runs.runs()
    height, width = runs.image_size
    # Before anything of that size is made.
    if sum(counts) != height * width or min(counts, default=0) < 0:
        raise DataError(f"expected run lengths of {height * width} pixels, got {sum(counts)}")
    is_object = np.arange(len(counts)) % 2 == 1
    pixels = np.repeat(is_object, counts)
    return pixels.reshape(width, height).T


def _decompress(text: str) -> tuple[int, ...]:
    """COCO's compressed runs: 5 bits a character, low bits first, differences from the third on."""
    counts: list[int] = []
    value, num_bits = 0, 0
    for character in text:
        chunk = ord(character) - 48
        # No image has so long a run; a damaged text would make a number without end.
        if num_bits > MAX_RUN_BITS:
            return ()
        value |= (chunk & 0x1F) << num_bits
        num_bits += 5
        if chunk & 0x20:
            continue
        if chunk & 0x10:
            value -= 1 << num_bits
        counts.append(value + counts[-2] if len(counts) > 2 else value)
        value, num_bits = 0, 0
    return tuple(counts)


def _decode_mask_image(mask_image: MaskImage) -> Bool[np.ndarray, "H W"]:
    pixels = cv2.imread(str(mask_image.path), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.ndim != 2:
        raise DataError(f"{mask_image.path}: expected a mask image of one channel")
    return np.asarray(pixels == mask_image.value, dtype=bool)
