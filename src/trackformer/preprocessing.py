"""How a frame of video becomes the network's input."""

from __future__ import annotations

import functools
import math

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from trackformer.devices import constant_beside, sent
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


def normalise(
    pixels: UInt8[np.ndarray, "H W 3"], settings: InputSettings, device: torch.device | str = "cpu"
) -> Float[Tensor, "3 H W"]:
    """HWC uint8 RGB to a CHW float tensor, (value / 255 - mean) / std."""
    if torch.device(device).type == "cpu":
        # A table of the 256 possible values: one pass over the picture instead of three.
        looked_up = cv2.LUT(np.ascontiguousarray(pixels), _table(settings.mean, settings.std))
        return torch.from_numpy(looked_up).permute(2, 0, 1)
    # Elsewhere bytes travel, a quarter of the floats.
    image = sent(torch.from_numpy(np.ascontiguousarray(pixels)), device)
    mean = 255 * constant_beside(image, settings.mean, torch.float32)
    std = 255 * constant_beside(image, settings.std, torch.float32)
    return ((image.float() - mean) / std).permute(2, 0, 1)


@functools.cache
def _table(
    mean: tuple[float, float, float], std: tuple[float, float, float]
) -> Float[np.ndarray, "256 1 3"]:
    """The normalised form of every value of each channel."""
    values = torch.arange(256, dtype=torch.float32)[:, None]
    table: np.ndarray = ((values - 255 * torch.tensor(mean)) / (255 * torch.tensor(std))).numpy()
    return np.ascontiguousarray(table[:, None])


def _shorter_side(image_size: tuple[int, int], settings: InputSettings) -> int:
    """The shorter side, less where the longer one would exceed its limit; rounded as in DETR."""
    assert settings.shorter_side is not None
    shorter, longer = sorted(image_size)
    if settings.longest_side is None:
        return settings.shorter_side
    if longer * settings.shorter_side <= settings.longest_side * shorter:
        return settings.shorter_side
    return max(1, round(settings.longest_side * shorter / longer))
