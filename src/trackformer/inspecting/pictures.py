"""The frames of a video as small pictures that fit into one page."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from jaxtyping import UInt8

from trackformer.video.frames import FrameSource

BUDGET: Final = 5_600_000
"""Bytes of all pictures together; base64 makes a third more of them."""
WIDTHS: Final = (960, 768, 640, 480, 384, 320, 256)
QUALITIES: Final = (80, 65, 50, 35)


@dataclass(frozen=True, slots=True)
class Pictures:
    """One picture a frame."""

    image_size: tuple[int, int]
    """(height, width) of the frames, in whose pixels boxes are."""
    jpegs: tuple[str, ...]
    """base64."""


def pictures_of(source: FrameSource, num_frames: int) -> Pictures:
    """The frames of a video, as large and fine as the budget allows.

    Only as many as have tracks; it is read once, and compressed as the first frame is told to.
    """
    jpegs: list[str] = []
    size, how = (0, 0), (WIDTHS[-1], QUALITIES[-1])
    for frame, _ in zip(source, range(num_frames), strict=False):
        if not jpegs:
            size = (frame.pixels.shape[0], frame.pixels.shape[1])
            how = _affordable(frame.pixels, num_frames)
        jpegs.append(base64.b64encode(_jpeg(frame.pixels, *how)).decode())
    return Pictures(size, tuple(jpegs))


def _affordable(pixels: UInt8[np.ndarray, "H W 3"], num_frames: int) -> tuple[int, int]:
    """Width and quality: first fewer details, then fewer pixels."""
    width = pixels.shape[1]
    choices = [
        (each, quality)
        for each in _widths(width)
        for quality in (QUALITIES if each == _widths(width)[-1] else QUALITIES[:-1])
    ]
    for choice in choices:
        if len(_jpeg(pixels, *choice)) * num_frames <= BUDGET:
            return choice
    return choices[-1]


def _widths(width: int) -> Sequence[int]:
    return [min(width, WIDTHS[0]), *(each for each in WIDTHS[1:] if each < width)]


def _jpeg(pixels: UInt8[np.ndarray, "H W 3"], width: int, quality: int) -> bytes:
    height = max(1, round(pixels.shape[0] * width / pixels.shape[1]))
    small = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
    bgr = cv2.cvtColor(small, cv2.COLOR_RGB2BGR)
    return bytes(cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes())
