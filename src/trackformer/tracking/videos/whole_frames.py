"""The frames of a video up to where it breaks off (torch-free)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from trackformer.errors import DataError
from trackformer.video.frames import Frame, FrameSource


@dataclass(slots=True)
class WholeFrames:
    """Frames up to where a video breaks off, and why it did."""

    source: FrameSource
    num_skipped: int = 0
    """So many frames were tracked before: they are passed over."""
    last_skipped_s: float | None = None
    """The time of the last of them: with it they need not be decoded."""
    num_frames: int = 0
    """Frames so far, those passed over included."""
    broken_off: str | None = None
    is_over: bool = False
    """Nothing more comes."""

    def whole(self) -> Iterator[Frame]:
        """The frames; DataError only if there is none, or fewer than were tracked before."""
        if self.num_skipped and self.source.pass_over(self.num_skipped, self.last_skipped_s):
            self.num_frames = self.num_skipped
        try:
            for frame in self.source:
                self.num_frames += 1
                if self.num_frames > self.num_skipped:
                    yield frame
        except DataError as error:
            if self.num_frames == 0:
                raise
            self.broken_off = str(error)
        self.is_over = True
        if self.num_frames == 0:
            raise DataError(f"{self.source.name}: expected at least one frame, got none")
        if self.num_frames < self.num_skipped:
            raise DataError(
                f"{self.source.name}: expected the {self.num_skipped} frames that were tracked "
                f"before, got {self.num_frames}"
            )
