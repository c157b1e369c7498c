"""The frames of a video as a run takes them: made ready beforehand, up to where it breaks off."""

from __future__ import annotations

from collections.abc import Generator

import torch

from trackformer.devices import current_stream
from trackformer.models.frame_model import FrameModel
from trackformer.tracking.prepared_frame import PreparedFrame, prepare_frame
from trackformer.tracking.videos.whole_frames import WholeFrames
from trackformer.video.frames import Frame
from trackformer.video.read_ahead import read_ahead


def prepared_frames(
    reading: WholeFrames, model: FrameModel
) -> Generator[tuple[Frame, PreparedFrame], None, None]:
    """The frames, each as it came and as the network's input; DataError only if there is none.

    The next one is read, resized and uploaded meanwhile; of a camera or live stream it is not:
    there the newest picture counts.
    """
    # Asked in the thread that will use the frames: what is not in one queue of a GPU has no order.
    frames = _prepared(reading, model, current_stream(model.device))
    return frames if reading.source.num_frames is None else read_ahead(frames)


def _prepared(
    reading: WholeFrames, model: FrameModel, stream: torch.cuda.Stream | None
) -> Generator[tuple[Frame, PreparedFrame], None, None]:
    for frame in reading.whole():
        with torch.cuda.stream(stream):
            prepared = prepare_frame(model, frame.pixels)
        yield frame, prepared
