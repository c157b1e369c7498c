"""What a video is to the rest of the library: frames in order, read once."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from fractions import Fraction
from types import TracebackType
from typing import Final

import numpy as np
from jaxtyping import UInt8

ASSUMED_FRAME_RATE: Final = 25.0
"""Frames per second where a source does not say: a folder of images, some cameras."""

SQUARE: Final = Fraction(1)


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture of a video."""

    pixels: UInt8[np.ndarray, "H W 3"]
    """RGB, [0, 255], upright."""
    frame_index: int
    """0-based, without gaps."""
    time_s: float | None
    """Seconds since the first frame; None where the source has no clock (a folder of images)."""


class FrameSource:
    """An iterable of `Frame` to be used in a `with` statement; like an open file it is read once.

    Iterating raises `DataError` where the video breaks off; the frames before it have been
    yielded by then and stay valid.
    """

    def __init__(  # noqa: PLR0913 - what is to be known of a source
        self,
        name: str,
        frame_rate: float,
        num_frames: int | None,
        frames: Generator[Frame, None, None],
        release: Callable[[], object],
        remarks: tuple[str, ...] | Callable[[], tuple[str, ...]] = (),
        *,
        pixel_aspect: Fraction = SQUARE,
        is_live: bool = False,
        pass_over: Callable[[int, float], bool] | None = None,
        has_next: Callable[[], bool] = lambda: True,
    ) -> None:
        self.name = name
        """File, folder or address without credentials, for messages and file names."""
        self.frame_rate = frame_rate
        """Frames per second, positive."""
        self.num_frames = num_frames
        """As declared, or estimated from the duration: good for a progress bar; None if endless."""
        self.pixel_aspect = pixel_aspect
        """Width of a pixel in heights, as it is to be shown: television's are not square."""
        self.is_live = is_live
        """Frames may be missing, but each has the time of its arrival; it cannot be read again."""
        self._pass_over = pass_over
        self.has_next = has_next
        """Whether the next frame, or the end, is there without waiting for a camera."""
        self._remarks = remarks
        self._frames = frames
        self._release = release

    @property
    def remarks(self) -> tuple[str, ...]:
        """What people should know of it before they rely on frame numbers or times."""
        return self._remarks if isinstance(self._remarks, tuple) else self._remarks()

    def pass_over(self, num_frames: int, last_s: float | None) -> bool:
        """Begin behind so many frames without decoding them, where that gives the same frames.

        Args:
            num_frames: 1 or more, before anything is read.
            last_s: The time of the last of them; None: not known.

        Returns:
            Whether it begins there; otherwise it begins at its first frame, as without.
        """
        if self._pass_over is None or last_s is None:
            return False
        return self._pass_over(num_frames, last_s)

    def __iter__(self) -> Iterator[Frame]:
        return self._frames

    def __enter__(self) -> FrameSource:
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Free the file, camera or connection; iterating further yields nothing."""
        self._frames.close()
        self._release()
