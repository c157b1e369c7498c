"""One query of a traced frame, asked again: where it looks, and what it would answer otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from trackformer.boxes import cxcywh_to_xyxy, paired_iou
from trackformer.errors import DataError
from trackformer.inspecting.looks import Looks, SampledPoints, decode_watched
from trackformer.models.trackformer import TrackFormer
from trackformer.tracking.prepared_frame import prepare_frame
from trackformer.tracking.settings import TrackerSettings
from trackformer.tracking.tracing.reading import TraceFile
from trackformer.tracking.tracing.records import TracedFrame, TracedQuery
from trackformer.types import FrameFeatures, Memory, ModelOutput, TrackQueries
from trackformer.video.sources import open_source

MOST_OTHERS: Final = 3
GREY: Final = 114
"""What a region is painted with to ask whether it mattered."""
TOLERANCE: Final = 0.02
"""By which a score may differ from the traced one: references are written with five digits."""

Pixels = UInt8[np.ndarray, "H W 3"]


@dataclass(frozen=True, slots=True)
class Other:
    """Another query that the explained one attended to."""

    name: str
    weight: float
    """Mean over heads and layers, [0, 1]."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a query answers when something is left out."""

    without: str
    score: float
    overlap: float
    """IoU of its box with the one that it had answered."""


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """Why a query answered what it did; made by `explain`."""

    frame: TracedFrame
    query: TracedQuery
    score: float
    """As it answers now: the traced one within rounding."""
    points: tuple[SampledPoints, ...]
    """Per decoder layer; none in a DETR."""
    maps: tuple[Float[Tensor, "M h w"], ...]
    """Per decoder layer of a DETR; none where attention is deformable."""
    others: tuple[Other, ...]
    """Whom it attended to most, the most first."""
    changes: tuple[Change, ...]
    """Attention is what was read; only these say what it did."""
    pixels: Pixels


def explain(
    model: TrackFormer,
    trace: TraceFile,
    frame_index: int,
    track_id: int,
    source: str | None = None,
) -> Explanation:
    """Ask the queries of a traced frame again, and watch one of them.

    Args:
        model: The one that was traced, optimised for inference.
        trace: Of a run without proposals.
        frame_index: Counted from 0.
        track_id: An identity that was asked about, or born, in that frame.
        source: The video; None: as the trace says.

    Raises:
        DataError: There is no such frame or identity, the video cannot be read, or the model
            answers something else than was traced.
    """
    with AskedAgain.open(model, trace, source) as again:
        frame = trace.frame(frame_index)
        query = query_of(frame, track_id)
        asked = again.frame(frame)
        score = _checked(asked.output, query, trace)
        return Explanation(
            frame=frame,
            query=query,
            score=score,
            points=asked.looks.points_of(query.row),
            maps=tuple(weights[:, query.row] for weights in asked.looks.maps),
            others=others_of(asked.looks, query.row, frame),
            changes=tuple(_changes(again, asked, frame, query)),
            pixels=asked.pixels,
        )


def query_of(frame: TracedFrame, track_id: int) -> TracedQuery:
    """The query about an identity; DataError where there is none."""
    for query in frame.queries:
        if query.track_id == track_id:
            return query
    known = sorted(query.track_id for query in frame.queries if query.track_id is not None)
    raise DataError(f"frame {frame.frame_index}: expected an identity of {known}, got {track_id}")


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """A frame that was asked again."""

    pixels: Pixels
    memory: Memory
    tracks: TrackQueries
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
        pixels, memory = self._encoded(frame.frame_index)
        tracks = _tracks(frame, self.trace.embeddings(frame), self.model.device)
        output, looks = decode_watched(self.model, memory, tracks)
        return Asked(pixels, memory, tracks, output, looks)

    def _encoded(self, frame_index: int) -> tuple[Pixels, Memory]:
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
                return pixels, memory
        raise DataError(f"the video has no frame {frame_index}; it ends after {self.next_index}")

    def encode(self, pixels: Pixels, before: FrameFeatures | None = None) -> Memory:
        """What the model makes of a frame."""
        with torch.inference_mode():
            return self.model.encode(prepare_frame(self.model, pixels).images, before)


def others_of(looks: Looks, row: int, frame: TracedFrame) -> tuple[Other, ...]:
    """Whom a query attended to most, besides itself."""
    if not looks.to_queries:
        return ()
    weights = torch.stack([each[:, row].mean(0) for each in looks.to_queries]).mean(0)
    weights[row] = 0
    best = weights.topk(min(MOST_OTHERS, len(weights)))
    names: Mapping[int, int] = {
        query.row: query.track_id for query in frame.queries if query.track_id is not None
    }
    return tuple(
        Other(f"#{names[other]}" if other in names else f"object query {other}", weight)
        for other, weight in zip(best.indices.tolist(), best.values.tolist(), strict=True)
    )


def _tracks(
    frame: TracedFrame, embeddings: Float[np.ndarray, "T C"], device: torch.device
) -> TrackQueries:
    references = [query.reference for query in frame.queries if query.row < len(frame.track_ids)]
    boxes = torch.tensor(references, dtype=torch.float32).reshape(1, -1, 4)
    is_padding = torch.zeros(boxes.shape[:2], dtype=torch.bool)
    return TrackQueries(torch.from_numpy(embeddings)[None], boxes, is_padding).to(device)


def _checked(output: ModelOutput, query: TracedQuery, trace: TraceFile) -> float:
    score = _score(output, query.row)
    traced = query.layers[-1].score
    if abs(score - traced) > TOLERANCE:
        raise DataError(
            f"{trace.path}: the model answers {score:.2f} where {traced:.2f} was traced; "
            "was it another model, or another video?"
        )
    return score


def _score(output: ModelOutput, row: int) -> float:
    return float(output.class_scores()[0, row].max())


def _changes(
    again: AskedAgain, asked: Asked, frame: TracedFrame, query: TracedQuery
) -> Iterator[Change]:
    """Leave out what may have mattered, one at a time."""
    box = asked.output.boxes[-1, 0, query.row]
    overlap = [
        (float(paired_iou(*(cxcywh_to_xyxy(each[None].float()) for each in (box, other)))[0]), row)
        for row, other in enumerate(asked.output.boxes[-1, 0, : len(frame.track_ids)])
        if row != query.row
    ]
    nearest = [row for _, row in sorted(overlap, reverse=True)[:MOST_OTHERS]]
    for row in nearest:
        is_padding = asked.tracks.is_padding.clone()
        is_padding[0, row] = True
        tracks = replace(asked.tracks, is_padding=is_padding)
        with torch.inference_mode():
            output = again.model.decode(asked.memory, tracks)
        yield _change(f"the query of #{frame.track_ids[row]}", output, query.row, box)
    regions = {"its own box": box} | {
        f"the box of #{frame.track_ids[row]}": asked.output.boxes[-1, 0, row] for row in nearest[:1]
    }
    for name, region in regions.items():
        memory = again.encode(_greyed(asked.pixels, region))
        with torch.inference_mode():
            output = again.model.decode(memory, asked.tracks)
        yield _change(f"{name} (greyed out)", output, query.row, box)


def _change(without: str, output: ModelOutput, row: int, box: Float[Tensor, " 4"]) -> Change:
    now = output.boxes[-1, 0, row]
    overlap = paired_iou(*(cxcywh_to_xyxy(each[None].float()) for each in (box, now)))
    return Change(without, _score(output, row), float(overlap[0]))


def _greyed(pixels: Pixels, box: Float[Tensor, " 4"]) -> Pixels:
    height, width = pixels.shape[:2]
    left, top, right, bottom = cxcywh_to_xyxy(box.float().cpu()).clamp(0, 1).tolist()
    painted = pixels.copy()
    rows = slice(round(top * height), round(bottom * height))
    painted[rows, round(left * width) : round(right * width)] = GREY
    return painted
