"""How a frame of video becomes the network's input."""

from __future__ import annotations

import functools

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from trackformer.devices import constant_beside, sent
from trackformer.input_settings import InputSettings
from trackformer.resizing import input_size

__all__ = ["input_size", "normalise"]


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
