"""Numbers as annotation files have them, within what images, videos and arrays can hold.

All readers read through this file, so that no file can ask for more frames than memory holds.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

import numpy as np

from trackformer.data.formats.parts.malformed import MalformedError, Report

MAX_SIDE: Final = 2**20
MAX_PIXELS: Final = 2**30
"""What OpenCV decodes."""
MAX_COORDINATE: Final = 1e7
"""Pixels; boxes may reach beyond the image."""
MAX_ID: Final = int(np.iinfo(np.int64).max)
MAX_FRAME: Final = 10_000_000
"""Four days at 25 frames per second."""
SPARE_FRAMES, SPARE_PER_FRAME = 20_000, 100
"""Frames that nobody has seen: without image or annotation; so many at all, and more for each frame
that has one."""
MAX_SHOWN: Final = 60


def whole(value: object, expected: str, least: int = 0, most: int = MAX_ID) -> int:
    """A whole number, which may also be written as a text.

    Raises:
        ValueError: It is none, or not between `least` and `most`.

    >>> whole("12", "a frame"), whole(3.0, "a frame")
    (12, 3)
    """
    number = _whole(value)
    if number is None or not least <= number <= most:
        bounds = f"from {least} on" if most >= MAX_ID else f"from {least} to {most}"
        raise ValueError(f"expected {expected} {bounds}, got {shown(value)}")
    return number


def finite(value: object, expected: str, most: float = MAX_COORDINATE) -> float:
    """A number that may also be written as a text.

    Raises:
        ValueError: It is none, not finite, or its size is above `most`.
    """
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        number = float("nan")
    # Not `abs(number) > most`: that would let NaN pass.
    if isinstance(value, bool) or not abs(number) <= most:
        raise ValueError(f"expected {expected} of at most {most:g}, got {shown(value)}")
    return number


def size_of(height: object, width: object) -> tuple[int, int]:
    """(height, width) of an image.

    Raises:
        ValueError: One is no positive number, or there is no such image.
    """
    size = (
        whole(height, "a height in pixels", 1, MAX_SIDE),
        whole(width, "a width in pixels", 1, MAX_SIDE),
    )
    if size[0] * size[1] > MAX_PIXELS:
        raise ValueError(f"expected at most {MAX_PIXELS} pixels, got {size[1]} x {size[0]}")
    return size


def frame_rate_of(value: object) -> float | None:
    """Frames per second; None where nothing is said.

    Raises:
        ValueError: It is no positive number.
    """
    if value is None:
        return None
    rate = finite(value, "a frame rate")
    if rate <= 0:
        raise ValueError(f"expected a positive frame rate, got {shown(value)}")
    return rate


def video_length(
    where: str, report: Report, *, num_images: int, stated: int, annotated: Collection[int]
) -> int:
    """How many frames a video has, by its images, what is stated, and its annotated frames.

    Args:
        where: File, for messages.
        report: Takes a stated length, or a frame, far beyond anything seen.
        num_images: 0 where there are none.
        stated: 0 where nothing is.
        annotated: 0-based; what lies beyond the end is reported by whoever uses them.
    """
    seen = set(annotated)
    limit = num_images + SPARE_FRAMES + SPARE_PER_FRAME * len(seen)
    if stated > limit:
        report(MalformedError("malformed", where, f"expected at most {limit} frames, got {stated}"))
        stated = 0
    length = max(num_images, stated) or max(seen, default=-1) + 1
    return min(length, limit)


def shown(value: object) -> str:
    """A value as messages quote it: texts in quotation marks, long ones cut.

    >>> shown("12"), shown(12)
    ("'12'", '12')
    """
    try:
        text = repr(value)
    except (ValueError, RecursionError):
        # Python refuses to print whole numbers of thousands of digits.
        text = f"a very long {type(value).__name__}"
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 3] + "..."


def _whole(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, str):
        return int(value) if re.fullmatch(r"\s*[+-]?[0-9]{1,19}\s*", value) else None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return None
