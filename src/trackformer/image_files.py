"""Image files as RGB pixels."""

from __future__ import annotations

from io import BytesIO
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
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_PNG_BITS_AT: Final = 24
"""Where a PNG file says how many bits a channel has."""
_TIFFS: Final = (b"II*\0", b"MM\0*")
_BITS_PER_SAMPLE, _SUBFILE_TYPE = 258, 254
"""TIFF's tags: bits of a channel; whether a page is a smaller version of another (lowest bit)."""
_DEPTHS: Final = (8, 10, 12, 14, 16)
"""Bits of cameras; values in two bytes are taken for those of the first that holds them."""
_DECODING: Final = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
}
PEEKED: Final = 4096
"""Bytes that tell the kind of a file."""
UNREADABLE: Final = (
    OSError,
    UnidentifiedImageError,
    SyntaxError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    ArithmeticError,
    EOFError,
    Image.DecompressionBombError,
)
"""What Pillow raises where a file is damaged."""
REDUCTIONS: Final = (4, 2)
"""Besides 1, the largest first: by how much a JPEG's sides can be divided while it is decoded."""


def read_image(path: Path) -> UInt8[np.ndarray, "H W 3"]:
    """The RGB pixels of an image file that has to be there.

    Raises:
        DataError: It is missing or cannot be read, or holds several pictures.
    """
    count = num_pictures(path)
    if count > 1:
        raise DataError(f"{path}: expected one picture, got a file of {count}")
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

    Grey images get three equal channels, transparency is dropped. Of channels of two bytes the
    highest eight bits remain that are in use: cameras often fill twelve. `factor`: see
    `read_reduced_image`.
    """
    try:
        # Bytes first: cv2.imread cannot open every path that Python can.
        return decode_bytes(path.read_bytes(), factor)
    except OSError:
        return None


def decode_bytes(content: bytes, factor: int = 1) -> UInt8[np.ndarray, "H W 3"] | None:
    """The same of what a file holds."""
    if not content:
        return None
    depth = cv2.IMREAD_ANYDEPTH if _is_deep(content) else 0
    pixels = cv2.imdecode(np.frombuffer(content, dtype=np.uint8), _DECODING[factor] | depth)
    if pixels is None or pixels.dtype not in (np.uint8, np.uint16):
        return None
    return np.asarray(cv2.cvtColor(as_bytes(pixels), cv2.COLOR_BGR2RGB), dtype=np.uint8)


def as_bytes(pixels: np.ndarray) -> np.ndarray:
    """Channels of two bytes as one: the highest eight bits that are in use."""
    if pixels.dtype != np.uint16:
        return pixels
    used = int(pixels.max(initial=0)).bit_length()
    depth = next(depth for depth in _DEPTHS if depth >= used)
    return (pixels >> (depth - 8)).astype(np.uint8)


def num_pictures(path: Path) -> int:
    """How many pictures a file holds: pages of a TIFF, frames of an animation; 1 for any other.

    Pages that are smaller versions of others do not count. The second picture that phones put
    into a JPEG is not meant to be seen.
    """
    try:
        with path.open("rb") as file:
            beginning = file.read(PEEKED)
        if not (beginning.startswith(_TIFFS) or b"acTL" in beginning or b"ANIM" in beginning):
            return 1
        with Image.open(path) as image:
            count = getattr(image, "n_frames", 1)
            if not beginning.startswith(_TIFFS):
                return int(count)
            return sum(is_whole_page(image, page) for page in range(count))
    except UNREADABLE:
        return 1


def is_whole_page(image: Image.Image, page: int) -> bool:
    """Turn an open TIFF to a page; whether it is no smaller version of another."""
    image.seek(page)
    tags: dict[int, int] = getattr(image, "tag_v2", {})
    return int(tags.get(_SUBFILE_TYPE, 0)) % 2 == 0


def _is_deep(content: bytes) -> bool:
    """Whether the channels of a PNG or TIFF have two bytes."""
    if content.startswith(_PNG):
        return content[_PNG_BITS_AT : _PNG_BITS_AT + 1] == b"\x10"
    if not content.startswith(_TIFFS):
        return False
    try:
        with Image.open(BytesIO(content)) as image:
            bits = getattr(image, "tag_v2", {}).get(_BITS_PER_SAMPLE, 8)
    except UNREADABLE:
        return False
    return bool(max(bits if isinstance(bits, tuple) else (bits,)) == 16)


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
            turns = image.getexif().get(_ORIENTATION, 1) >= _FIRST_ON_ITS_SIDE
            # Pillow has turned the size of a TIFF already.
            is_on_its_side = turns and image.format != "TIFF"
    except UNREADABLE:
        return None
    return (width, height) if is_on_its_side else (height, width)
