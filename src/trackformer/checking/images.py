"""One look at every image file: its size, whether it can be read, and what it looks like."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Int, UInt8

from trackformer.checking.records import ImageFacts
from trackformer.image_files import image_size, num_pictures

HASH_INPUT, HASH_SIDE, THUMBNAIL_SIDE = 32, 8, 32
JPEG_START, JPEG_END = b"\xff\xd8", b"\xff\xd9"
TAIL = 4096
"""Cameras write a little after the end of a JPEG; a file cut off has no end at all."""


def look_at_images(
    paths: Iterable[Path], on_image: Callable[[], None] = lambda: None
) -> Mapping[Path, ImageFacts]:
    """The facts of every image file that exists, each read once."""
    wanted = [path for path in dict.fromkeys(paths) if path.is_file()]
    facts: dict[Path, ImageFacts] = {}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, found in zip(wanted, pool.map(look_at, wanted), strict=True):
            facts[path] = found
            on_image()
    return facts


def look_at(path: Path) -> ImageFacts:
    """The facts of one image file."""
    grey = _read_small(path)
    if grey is None:
        blank = np.ones(HASH_SIDE * HASH_SIDE, dtype=np.int64)
        side = (THUMBNAIL_SIDE, THUMBNAIL_SIDE)
        return ImageFacts(None, blank, np.zeros(side, dtype=np.uint8))
    thumbnail = cv2.resize(grey, (THUMBNAIL_SIDE, THUMBNAIL_SIDE), interpolation=cv2.INTER_AREA)
    return ImageFacts(image_size(path), perceptual_hash(grey), thumbnail, num_pictures(path))


def perceptual_hash(grey: UInt8[np.ndarray, "H W"]) -> Int[np.ndarray, " 64"]:
    """Signs of the lowest 8 x 8 cosine frequencies against their median (Zauner 2010, pHash).

    Own code because it is three calls of OpenCV, whose `img_hash` is in another package than the
    one we use; ImageHash would bring PyWavelets for the same numbers.
    """
    small = cv2.resize(grey, (HASH_INPUT, HASH_INPUT), interpolation=cv2.INTER_AREA)
    low = cv2.dct(small.astype(np.float32))[:HASH_SIDE, :HASH_SIDE].ravel()
    # The first is the mean brightness, far from the others.
    return np.where(low > np.median(low[1:]), 1, -1).astype(np.int64)


def _read_small(path: Path) -> UInt8[np.ndarray, "_ _"] | None:
    """Grey pixels, half in each direction where that saves decoding; None if damaged."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    # OpenCV fills what a cut JPEG lacks with grey and says nothing.
    if not content or (content.startswith(JPEG_START) and JPEG_END not in content[-TAIL:]):
        return None
    # Only JPEG's own reduction averages; that of other formats takes every second pixel.
    is_jpeg = content.startswith(JPEG_START)
    mode = cv2.IMREAD_REDUCED_GRAYSCALE_2 if is_jpeg else cv2.IMREAD_GRAYSCALE
    grey = cv2.imdecode(np.frombuffer(content, dtype=np.uint8), mode)
    return None if grey is None else np.asarray(grey)
