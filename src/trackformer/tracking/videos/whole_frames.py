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
    num_frames: int = 0
    broken_off: str | None = None

    def whole(self) -> Iterator[Frame]:
        """The frames; DataError only if there is none."""
        try:
            for frame in self.source:
                self.num_frames += 1
                yield frame
        except DataError as error:
            if self.num_frames == 0:
                raise
            self.broken_off = str(error)
        if self.num_frames == 0:
            raise DataError(f"{self.source.name}: expected at least one frame, got none")
