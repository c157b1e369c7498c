"""Which size a frame has as the network's input, and how it gets there (torch-free)."""

from __future__ import annotations

import math
from typing import Literal

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
    >>> input_size((1080, 1920), InputSettings(max_height=600, max_width=600))
    (337, 600)
    >>> input_size((1080, 1920), InputSettings(height=480, width=480))
    (480, 480)
    """
    if settings.height is not None and settings.width is not None:
        return settings.height, settings.width
    if settings.max_height is not None and settings.max_width is not None:
        size = _size_within(image_size, (settings.max_height, settings.max_width))
    elif settings.rounding == "transformers" and settings.shorter_side is not None:
        size = _size_as_in_transformers(image_size, settings.shorter_side, settings.longest_side)
    else:
        return _scaled_size(image_size, settings)
    return _in_steps(size, settings.multiple_of)


def _scaled_size(image_size: tuple[int, int], settings: InputSettings) -> tuple[int, int]:
    height, width = image_size
    if settings.area is not None:
        scale = math.sqrt(settings.area / (height * width))
    else:
        scale = _shorter_side(image_size, settings) / min(image_size)
    step = settings.multiple_of
    if step == 1:
        # Truncation as in the published DETR, whose sizes the checkpoints were trained with.
        return max(1, int(height * scale + 1e-6)), max(1, int(width * scale + 1e-6))
    return _in_steps((height * scale, width * scale), step)


def resize(
    pixels: UInt8[np.ndarray, "_ _ *channels"],
    size: tuple[int, int],
    resampling: Literal["area", "bilinear", "bicubic"] = "area",
) -> UInt8[np.ndarray, "_ _ *channels"]:
    """Resize pixels to (height, width); averages when shrinking, so that nothing aliases."""
    height, width = size
    if pixels.shape[:2] == size:
        return pixels
    if resampling != "area":
        import torch
        import torch.nn.functional as F

        image = torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)[None]
        resized = F.interpolate(image, size, mode=resampling, antialias=True)
        return resized[0].permute(1, 2, 0).numpy()
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


def _size_within(image_size: tuple[int, int], limits: tuple[int, int]) -> tuple[int, int]:
    """The largest size of the same aspect ratio; rounded down as in transformers."""
    height, width = image_size
    scale = min(limits[0] / height, limits[1] / width)
    return max(1, int(height * scale)), max(1, int(width * scale))


def _size_as_in_transformers(
    image_size: tuple[int, int], shorter_side: int, longest_side: int | None
) -> tuple[int, int]:
    shorter, longer = sorted(image_size)
    target = float(shorter_side)
    if longest_side is not None and longer / shorter * shorter_side > longest_side:
        target = longest_side * shorter / longer
    sides = max(1, round(target)), max(1, int(target * longer / shorter))
    if round(target) == shorter:
        # Left as it is, whatever the other side, as there.
        return image_size
    height, width = image_size
    return sides if height <= width else (sides[1], sides[0])


def _in_steps(size: tuple[float | int, float | int], step: int) -> tuple[int, int]:
    height, width = size
    return max(step, round(height / step) * step), max(step, round(width / step) * step)
