"""A network camera that drops its connection at given moments, and pictures with a number."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from itertools import count

import numpy as np
from jaxtyping import UInt8

from benchmarks.live.mjpeg import mjpeg_server

DIGITS = 20
"""Bits of the number that is drawn below a picture as black and white squares."""
SQUARE = 16
"""Pixels; as large as the blocks that JPEG compresses, so the picture above stays as it is."""


def numbered(pixels: UInt8[np.ndarray, "H W 3"], number: int) -> UInt8[np.ndarray, "_ W 3"]:
    """A picture with a number below it, at least as wide as that needs."""
    strip = np.zeros((SQUARE, pixels.shape[1], 3), dtype=np.uint8)
    for digit in range(DIGITS):
        strip[:, SQUARE * digit : SQUARE * (digit + 1)] = 255 * (number >> digit & 1)
    return np.concatenate([pixels, strip])


def number_below(pixels: UInt8[np.ndarray, "H W 3"]) -> tuple[int, UInt8[np.ndarray, "_ W 3"]]:
    """The inverse of `numbered`."""
    strip = pixels[-SQUARE:]
    squares = [strip[4:12, SQUARE * digit + 4 : SQUARE * digit + 12] for digit in range(DIGITS)]
    number = sum(1 << digit for digit, square in enumerate(squares) if square.mean() > 128)
    return number, pixels[:-SQUARE]


def camera(
    shown: Callable[[float], bytes], rate: float, drops_at: tuple[float, ...]
) -> AbstractContextManager[str]:
    """A camera that runs from now on, whoever looks; its address.

    Args:
        shown: The picture, as JPEG, of so many seconds from now.
        rate: Pictures a second.
        drops_at: When it closes the connection that there is.
    """
    start = time.monotonic()

    def pictures() -> Iterator[bytes]:
        connected = time.monotonic() - start
        drop = min((each for each in drops_at if each > connected), default=float("inf"))
        for number in count(1):
            now = time.monotonic() - start
            if now > drop:
                return
            yield shown(now)
            time.sleep(max(0.0, connected + number / rate - (time.monotonic() - start)))

    return mjpeg_server(pictures)
