"""Pictures that clients send: known by their first bytes, before anything is decoded."""

from __future__ import annotations

import warnings
from io import BytesIO
from typing import Final

import cv2
import numpy as np
from jaxtyping import UInt8
from PIL import Image

from trackformer.image_files import UNREADABLE, decode_bytes
from trackformer.serving.refusal import Refusal

JPEG: Final = "JPEG"
PNG: Final = "PNG"
ENDS: Final = {JPEG: b"\xff\xd9", PNG: b"IEND\xae\x42\x60\x82"}
"""What stands at the end of a whole file; without it decoders fill up with grey."""
MOST_ELONGATED: Final = 20
"""Longer side over shorter: networks enlarge the shorter side to what they need, at any cost."""


def check_picture(content: bytes, most_pixels: int) -> None:
    """Look at the header only, so that nothing large is ever decoded.

    Raises:
        Refusal: 415: neither JPEG nor PNG; 413: too many pixels; 422: cut off, or far too narrow.
    """
    kind, (width, height) = _kind_and_size(content)
    if width * height > most_pixels:
        raise Refusal(
            413, f"picture: expected at most {most_pixels} pixels, got {width} x {height}"
        )
    if max(width, height) > MOST_ELONGATED * min(width, height):
        raise Refusal(
            422,
            f"picture: expected sides of at most {MOST_ELONGATED} to 1, got {width} x {height}",
        )
    # Some cameras fill up with zeros.
    if not content.rstrip(b"\0").endswith(ENDS[kind]):
        raise Refusal(422, f"picture: expected a whole {kind} file, got one that is cut off")


def _kind_and_size(content: bytes) -> tuple[str, tuple[int, int]]:
    try:
        with warnings.catch_warnings(), Image.open(BytesIO(content), formats=(JPEG, PNG)) as image:
            # Pillow's own limit on pixels; ours follows.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return PNG if image.format == PNG else JPEG, image.size
    except Image.DecompressionBombError as error:
        raise Refusal(413, f"picture: too many pixels: {error}") from error
    except UNREADABLE as error:
        raise Refusal(415, "picture: expected a JPEG or PNG file") from error


def decoded(content: bytes) -> UInt8[np.ndarray, "H W 3"]:
    """The RGB pixels of a picture that `check_picture` let pass.

    Raises:
        Refusal: 422: it is damaged.
    """
    try:
        pixels = decode_bytes(content)
    except cv2.error:
        pixels = None
    if pixels is None:
        raise Refusal(422, "picture: damaged, it cannot be decoded")
    return pixels
