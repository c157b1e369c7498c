"""Which size a frame has as the network's input, and how it gets there (torch-free)."""

from __future__ import annotations

import math

import cv2
import numpy as np
from jaxtyping import UInt8

from trackformer.input_settings import InputSettings


def input_size(image_size: tuple[int, int], settings: InputSettings) -> tuple[int, int]:
    """(height, width) a frame of (height, width) is resized to.

    >>> input_size((1080, 1920), InputSettings(shorter_side=800, longest_side=1333))
    (750, 1333)
    >>> input_size((576, 768), InputSettings(area=384 * 640, multiple_of=32))
    (416, 576)
    """
    height, width = image_size
    if settings.area is not None:
        scale = math.sqrt(settings.area / (height * width))
    else:
        scale = _shorter_side(image_size, settings) / min(image_size)
    step = settings.multiple_of
    if step == 1:
        # Truncation as in the published DETR, whose sizes the checkpoints were trained with.
        return max(1, int(height * scale + 1e-6)), max(1, int(width * scale + 1e-6))
    return (
        max(step, round(height * scale / step) * step),
        max(step, round(width * scale / step) * step),
    )


def resize(
    pixels: UInt8[np.ndarray, "_ _ *channels"], size: tuple[int, int]
) -> UInt8[np.ndarray, "_ _ *channels"]:
    """Resize pixels to (height, width); averages when shrinking, so that nothing aliases."""
    height, width = size
    if pixels.shape[:2] == size:
        return pixels
    shrinks = height < pixels.shape[0] or width < pixels.shape[1]
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=interpolation))


def _shorter_side(image_size: tuple[int, int], settings: InputSettings) -> int:
    """The shorter side, less where the longer one would exceed its limit; rounded as in DETR."""
    assert settings.shorter_side is not None
    shorter, longer = sorted(image_size)
    if settings.longest_side is None:
        return settings.shorter_side
    if longer * settings.shorter_side <= settings.longest_side * shorter:
        return settings.shorter_side
    return max(1, round(settings.longest_side * shorter / longer))
