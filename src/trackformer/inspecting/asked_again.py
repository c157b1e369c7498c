"""The frames of a traced run, asked again: the same queries of the same pixels."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8

from trackformer.errors import DataError
from trackformer.inspecting.looks import Looks, decode_watched
from trackformer.models.trackformer import TrackFormer
from trackformer.tracking.prepared_frame import prepare_frame
from trackformer.tracking.settings import TrackerSettings
from trackformer.tracking.tracing.reading import TraceFile
from trackformer.tracking.tracing.records import TracedFrame
from trackformer.types import DecoderQueries, FrameFeatures, Memory, ModelOutput, TrackQueries
from trackformer.video.sources import open_source

Pixels = UInt8[np.ndarray, "H W 3"]


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """A frame that was asked again."""

    frame: TracedFrame

    pixels: Pixels
    memory: Memory
    before: FrameFeatures | None
    """Of the frame that the model was shown beside it."""
    queries: DecoderQueries
    """All of the frame: track queries, then object queries."""
    output: ModelOutput
    looks: Looks


@dataclass(slots=True, eq=False)
class AskedAgain:
    """The frames of a traced run, decoded once more in their order."""

    model: TrackFormer
    trace: TraceFile
    frames: Iterator[Pixels]
    previous: dict[int, FrameFeatures | None]
    """Of the frames just before, for models that look at two."""
    next_index: int = 0

    @classmethod
    @contextmanager
    def open(cls, model: TrackFormer, trace: TraceFile, source: str | None) -> Iterator[AskedAgain]:
        """Open the video; DataError where the trace names none, or it cannot be opened."""
        named = source if source is not None else trace.header.names.source
        if named is None:
            raise DataError(f"{trace.path}: names no video that can be read again; name it")
        with open_source(named) as video:
            yield cls(model, trace, (frame.pixels for frame in video), {})

    def frame(self, frame: TracedFrame) -> Asked:
        """Ask a frame again; not one before the last one asked."""
        if any(query.origin == "proposal" for query in frame.queries):
            raise DataError(
                f"{self.trace.path}: proposals of another detector cannot be asked again"
            )
        pixels, before, memory = self._encoded(frame.frame_index)
        tracks = _tracks(frame, self.trace.embeddings(frame), self.model.device)
        with torch.inference_mode():
            queries = self.model.queries_of(memory, tracks)
        output, looks = decode_watched(self.model, memory, tracks)
        return Asked(frame, pixels, memory, before, queries, output, looks)

    def answer(self, asked: Asked, queries: DecoderQueries, memory: Memory) -> ModelOutput:
        """What a frame's queries answer otherwise: some of them padding, or another memory read."""
        with torch.inference_mode():
            return self.model.decode_queries(memory, queries, len(asked.frame.track_ids))

    def _encoded(self, frame_index: int) -> tuple[Pixels, FrameFeatures | None, Memory]:
        settings = TrackerSettings.model_validate(self.trace.header.settings)
        distance = settings.previous_frame_distance
        for pixels in self.frames:
            index, self.next_index = self.next_index, self.next_index + 1
            if index not in (frame_index, frame_index - distance):
                continue
            before = self.previous.get(index - distance)
            memory = self.encode(pixels, before)
            self.previous = {index: memory.frame}
            if index == frame_index:
                return pixels, before, memory
        raise DataError(f"the video has no frame {frame_index}; it ends after {self.next_index}")

    def encode(self, pixels: Pixels, before: FrameFeatures | None = None) -> Memory:
        """What the model makes of a frame."""
        with torch.inference_mode():
            return self.model.encode(prepare_frame(self.model, pixels).images, before)


def _tracks(
    frame: TracedFrame, embeddings: Float[np.ndarray, "T C"], device: torch.device
) -> TrackQueries:
    references = [query.reference for query in frame.queries if query.row < len(frame.track_ids)]
    boxes = torch.tensor(references, dtype=torch.float32).reshape(1, -1, 4)
    is_padding = torch.zeros(boxes.shape[:2], dtype=torch.bool)
    return TrackQueries(torch.from_numpy(embeddings)[None], boxes, is_padding).to(device)
