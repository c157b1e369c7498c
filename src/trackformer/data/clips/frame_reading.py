"""Frames for training: decoded no larger than needed, and kept while there is room."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from trackformer.data.annotations import AnnotatedFrame, AnnotatedSequence
from trackformer.data.clips.transforms import Crop, crop_image, crop_reduced_image
from trackformer.errors import DataError
from trackformer.image_files import REDUCTIONS, can_be_reduced, image_size, read_reduced_image


@dataclass(frozen=True, slots=True, eq=False)
class ReadFrame:
    """A frame and its pixels, perhaps reduced."""

    frame: AnnotatedFrame
    pixels: UInt8[np.ndarray, "_ _ 3"]
    """Must not be changed: they may be shown again."""
    image_size: tuple[int, int]
    """(height, width) of the frame, in which its boxes are."""
    factor: int
    """Along each side, how many pixels of the frame are one of `pixels`."""

    def shown(self, crop: Crop, canvas: tuple[int, int]) -> UInt8[np.ndarray, "H W 3"]:
        """What a crop of the frame shows at the size of a canvas."""
        if self.factor == 1:
            return crop_image(self.pixels, crop, canvas)
        return crop_reduced_image(self.pixels, self.factor, self.image_size, crop, canvas)


class FrameReader:
    """Reads frames, and remembers those used last.

    What it returns depends on the arguments alone, never on what it remembers.

    Args:
        max_bytes: Of pixels that are kept; the frame read last is kept in any case.
        reduces: Whether JPEG files may be decoded at a part of their size.
    """

    def __init__(self, max_bytes: int, *, reduces: bool) -> None:
        self._max_bytes = max_bytes
        self._reduces = reduces
        self._kept: OrderedDict[tuple[AnnotatedSequence, int, int], ReadFrame] = OrderedDict()
        self._bytes = 0

    def image_size(self, sequence: AnnotatedSequence, row: int) -> tuple[int, int]:
        """(height, width) of a frame.

        Raises:
            DataError: There is no image, or its file cannot be read.
        """
        # Frames that are drawn when asked for are in no file, and drawing one is all the work.
        if self._reduces and isinstance(sequence.frames, tuple):
            size = _size_of_jpeg(sequence.frames[row])
            if size is not None:
                return size
        return self.read(sequence, row).image_size

    def reduction(self, crops: Sequence[Crop], canvas: tuple[int, int]) -> int:
        """The largest factor that leaves every crop at least as many pixels as the canvas has."""
        if not self._reduces:
            return 1
        ratio = min(min(crop.height / canvas[0], crop.width / canvas[1]) for crop in crops)
        return next((factor for factor in REDUCTIONS if factor <= ratio), 1)

    def read(self, sequence: AnnotatedSequence, row: int, factor: int = 1) -> ReadFrame:
        """One frame; reduced by `factor` if its image is in a JPEG file.

        Raises:
            DataError: There is no image, or its file cannot be read.
        """
        key = (sequence, row, factor)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        read = _read(sequence.frames[row], factor)
        self._kept[key] = read
        self._bytes += read.pixels.nbytes
        while self._bytes > self._max_bytes and len(self._kept) > 1:
            _, oldest = self._kept.popitem(last=False)
            self._bytes -= oldest.pixels.nbytes
        return read


def _read(frame: AnnotatedFrame, factor: int) -> ReadFrame:
    size = _size_of_jpeg(frame) if factor > 1 else None
    if size is None or frame.image_path is None:
        pixels = frame.read_pixels()
        return ReadFrame(frame, pixels, (pixels.shape[0], pixels.shape[1]), 1)
    pixels = read_reduced_image(frame.image_path, factor)
    # Rounded up, as the decoder does; a file whose head says something else is broken.
    if pixels.shape[:2] != tuple(-(-side // factor) for side in size):
        raise DataError(f"{frame.image_path}: expected {size[1]} x {size[0]} pixels as it says")
    return ReadFrame(frame, pixels, size, factor)


def _size_of_jpeg(frame: AnnotatedFrame) -> tuple[int, int] | None:
    """By the first bytes of its file; None for other images and those in no file."""
    path = frame.image_path
    if frame.pixels is not None or path is None or not can_be_reduced(path):
        return None
    return image_size(path)
