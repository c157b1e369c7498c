"""How one file with several pictures - a TIFF stack, an animated WebP or PNG - becomes frames."""

from __future__ import annotations

from collections.abc import Generator
from itertools import accumulate
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps

from trackformer.errors import DataError
from trackformer.image_files import as_bytes, is_whole_page
from trackformer.video.frames import ASSUMED_FRAME_RATE, Frame, FrameSource


def open_stack(path: Path, num_pictures: int) -> FrameSource:
    """The pictures of a file in order; those of an animation have times.

    Raises:
        DataError: While iterating: a picture is damaged.
    """
    durations_s = _durations_s(path)
    total_s = sum(durations_s)
    starts = [start - durations_s[0] for start in accumulate(durations_s)] if total_s else None
    return FrameSource(
        name=str(path),
        frame_rate=len(durations_s) / total_s if total_s else ASSUMED_FRAME_RATE,
        num_frames=num_pictures,
        frames=_read(path, starts),
        release=lambda: None,
    )


def _durations_s(path: Path) -> list[float]:
    """How long each picture is shown; zeros where the file does not say."""
    with Image.open(path) as image:
        durations = []
        for number in range(getattr(image, "n_frames", 1)):
            if is_whole_page(image, number):
                if image.format != "TIFF":
                    # WebP tells a picture's time only with its pixels.
                    image.load()
                durations.append(float(image.info.get("duration", 0)) / 1000)
    return durations


def _read(path: Path, starts: list[float] | None) -> Generator[Frame, None, None]:
    index = 0
    with Image.open(path) as image:
        for number in range(getattr(image, "n_frames", 1)):
            try:
                if not is_whole_page(image, number):
                    continue
                pixels = _pixels(image)
            except (OSError, ValueError, SyntaxError, EOFError) as error:
                raise DataError(f"{path}: picture {number + 1} cannot be read: {error}") from error
            yield Frame(pixels, index, None if starts is None else starts[index])
            index += 1


def _pixels(image: Image.Image) -> UInt8[np.ndarray, "H W 3"]:
    if image.mode.startswith("I;16"):
        grey = as_bytes(np.asarray(image, dtype=np.uint16))
        return np.repeat(grey[..., None], 3, axis=2)
    upright = ImageOps.exif_transpose(image) if image.format != "TIFF" else image
    return np.asarray(upright.convert("RGB"))
