"""The frames of a video as a run takes them: made ready beforehand, up to where it breaks off."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass

import torch

from trackformer.devices import current_stream
from trackformer.errors import DataError
from trackformer.models.frame_model import FrameModel
from trackformer.tracking.tracker import PreparedFrame, prepare_frame
from trackformer.video.frames import Frame, FrameSource
from trackformer.video.read_ahead import read_ahead


@dataclass(slots=True)
class Reading:
    """Frames up to where a video breaks off, and why it did."""

    source: FrameSource
    model: FrameModel
    num_skipped: int = 0
    """So many frames were tracked before: they are passed over."""
    last_skipped_s: float | None = None
    """The time of the last of them: with it they need not be decoded."""
    num_frames: int = 0
    """Frames so far, those passed over included."""
    broken_off: str | None = None
    is_over: bool = False
    """Nothing more comes."""

    def frames(self) -> Generator[tuple[Frame, PreparedFrame], None, None]:
        """The frames, each as it came and as the network's input; DataError only if there is none.

        The next one is read, resized and uploaded meanwhile; of a camera or live stream it is not:
        there the newest picture counts.
        """
        # Asked in the thread that will use the frames: what is not in one queue of a GPU has no
        # order.
        stream = current_stream(self.model.device)
        frames = self._read(stream)
        return frames if self.source.num_frames is None else read_ahead(frames)

    def _read(
        self, stream: torch.cuda.Stream | None
    ) -> Generator[tuple[Frame, PreparedFrame], None, None]:
        for frame in self._whole_frames():
            with torch.cuda.stream(stream):
                prepared = prepare_frame(self.model, frame.pixels)
            yield frame, prepared

    def _whole_frames(self) -> Iterator[Frame]:
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
