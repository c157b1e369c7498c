"""The frames of a video as a run takes them: made ready beforehand, up to where it breaks off."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field

import torch

from trackformer.devices import current_stream
from trackformer.models.frame_model import FrameModel
from trackformer.tracking.tracker import PreparedFrame, prepare_frame
from trackformer.tracking.videos.whole_frames import WholeFrames
from trackformer.video.frames import Frame
from trackformer.video.read_ahead import read_ahead


@dataclass(slots=True)
class Reading(WholeFrames):
    """The same frames, and what a model makes of them."""

    model: FrameModel = field(kw_only=True)

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
        for frame in self.whole():
            with torch.cuda.stream(stream):
                prepared = prepare_frame(self.model, frame.pixels)
            yield frame, prepared
