"""What a frame may be, and what the network gets of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Shaped, UInt8
from torch import Tensor

from trackformer.errors import DataError
from trackformer.models.frame_model import FrameModel
from trackformer.preprocessing import normalise
from trackformer.resizing import input_size, resize
from trackformer.types import Images

FrameLike = Shaped[np.ndarray, "..."] | Shaped[Tensor, "..."]
"""Height x width x 3, uint8, RGB; `as_pixels` says so to whoever passes something else."""


def as_pixels(frame: FrameLike) -> UInt8[np.ndarray, "H W 3"]:
    """A frame as a numpy array.

    Raises:
        DataError: Another shape or type than height x width x 3, uint8.
    """
    if not isinstance(frame, Tensor | np.ndarray):
        # OpenCV reads an unreadable file as None.
        raise DataError(
            f"frame: expected an array of height x width x 3 pixels, got {type(frame).__name__}"
        )
    is_uint8 = frame.dtype in (torch.uint8, np.uint8)
    if not is_uint8 or frame.ndim != 3 or frame.shape[2] != 3 or 0 in frame.shape:
        raise DataError(
            "frame: expected height x width x 3 RGB pixels of type uint8, "
            f"got shape {tuple(frame.shape)} of type {frame.dtype}"
        )
    return frame.cpu().numpy() if isinstance(frame, Tensor) else np.asarray(frame)


@dataclass(frozen=True, slots=True, eq=False)
class PreparedFrame:
    """A frame as the network's input."""

    images: Images
    """A batch of one."""
    image_size: tuple[int, int]
    """(height, width) of the frame as it came."""


def prepare_frame(model: FrameModel, frame: FrameLike | PreparedFrame) -> PreparedFrame:
    """A frame as the model wants it, on the model's device; may run in another thread.

    Raises:
        DataError: `frame` is not an HWC uint8 RGB image.
    """
    if isinstance(frame, PreparedFrame):
        return frame
    pixels = as_pixels(frame)
    images = prepare(model, pixels, model.device)
    return PreparedFrame(images, (pixels.shape[0], pixels.shape[1]))


def prepare(model: FrameModel, pixels: UInt8[np.ndarray, "H W 3"], device: torch.device) -> Images:
    """Resize and normalise one frame as the model wants it."""
    settings = model.settings.input
    height, width = pixels.shape[:2]
    resized = resize(pixels, input_size((height, width), settings), settings.resampling)
    canvas = settings.canvas
    if canvas is not None and (resized.shape[0] > canvas[0] or resized.shape[1] > canvas[1]):
        raise DataError(
            f"a frame of {height} x {width} pixels becomes {resized.shape[0]} x {resized.shape[1]} "
            f"for this model, expected no more than its padded size {canvas[0]} x {canvas[1]}"
        )
    return Images.from_list([normalise(resized, settings, device)], canvas=canvas)
