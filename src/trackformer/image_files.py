"""Image files as RGB pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import cv2
import numpy as np
from jaxtyping import UInt8
from PIL import Image, UnidentifiedImageError

from trackformer.errors import DataError

_ORIENTATION = 0x0112
"""EXIF's tag; its values from 5 on swap width and height."""
_FIRST_ON_ITS_SIDE = 5
_JPEG: Final = b"\xff\xd8\xff"
"""How every JPEG file begins."""
_DECODING: Final = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
}
REDUCTIONS: Final = (4, 2)
"""Besides 1, the largest first: by how much a JPEG's sides can be divided while it is decoded."""


def read_image(path: Path) -> UInt8[np.ndarray, "H W 3"]:
    """The RGB pixels of an image file that has to be there.

    Raises:
        DataError: It is missing or cannot be read.
    """
    pixels = decode_image(path)
    if pixels is None:
        raise DataError(f"{path}: expected a readable image")
    return pixels


def read_reduced_image(path: Path, factor: int) -> UInt8[np.ndarray, "_ _ 3"]:
    """The same where each pixel is the mean of `factor` x `factor`, cheaper than all pixels.

    Args:
        path: A JPEG file: see `can_be_reduced`. Other formats would alias, and cost as much.
        factor: 1 or one of `REDUCTIONS`. Sides are divided by it and rounded up.

    Raises:
        DataError: It is missing or cannot be read.
    """
    pixels = decode_image(path, factor)
    if pixels is None:
        raise DataError(f"{path}: expected a readable image")
    return pixels


def decode_image(path: Path, factor: int = 1) -> UInt8[np.ndarray, "H W 3"] | None:
    """The RGB pixels of an image file, upright by its EXIF tag; None if it cannot be read.

    Grey images get three equal channels, transparency is dropped. `factor`: see
    `read_reduced_image`.
    """
    try:
        # Bytes first: cv2.imread cannot open every path that Python can.
        content = np.frombuffer(path.read_bytes(), dtype=np.uint8)
    except OSError:
        return None
    pixels = cv2.imdecode(content, _DECODING[factor]) if len(content) else None
    return None if pixels is None else cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)


def can_be_reduced(path: Path) -> bool:
    """Whether a file is a JPEG, by its first bytes."""
    try:
        with path.open("rb") as file:
            return file.read(len(_JPEG)) == _JPEG
    except OSError:
        return False


def image_size(path: Path) -> tuple[int, int] | None:
    """(height, width) of an image file by its first bytes, upright; None if it cannot be read."""
    try:
        with Image.open(path) as image:
            width, height = image.size
            is_on_its_side = image.getexif().get(_ORIENTATION, 1) >= _FIRST_ON_ITS_SIDE
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError):
        return None
    return (width, height) if is_on_its_side else (height, width)
