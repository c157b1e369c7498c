"""One query of a traced frame, asked again: where it looks, and what it would answer otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor

from trackformer.errors import DataError
from trackformer.inspecting.asked_again import AskedAgain, Pixels
from trackformer.inspecting.leaving_out import Change, changes, name_of
from trackformer.inspecting.looks import Looks, SampledPoints
from trackformer.models.trackformer import TrackFormer
from trackformer.tracking.tracing.reading import TraceFile
from trackformer.tracking.tracing.records import TracedFrame, TracedQuery
from trackformer.types import ModelOutput

MOST_OTHERS: Final = 3
TOLERANCE: Final = 0.02
"""By which a score may differ from the traced one: references are written with five digits."""


@dataclass(frozen=True, slots=True)
class Other:
    """Another query that the explained one attended to."""

    name: str
    weight: float
    """Mean over heads and layers, [0, 1]."""


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
            changes=tuple(changes(again, asked, query.row)),
            pixels=asked.pixels,
        )


def query_of(frame: TracedFrame, track_id: int) -> TracedQuery:
    """The query about an identity; DataError where there is none."""
    for query in frame.queries:
        if query.track_id == track_id:
            return query
    known = sorted(query.track_id for query in frame.queries if query.track_id is not None)
    raise DataError(f"frame {frame.frame_index}: expected an identity of {known}, got {track_id}")


def others_of(looks: Looks, row: int, frame: TracedFrame) -> tuple[Other, ...]:
    """Whom a query attended to most, besides itself."""
    if not looks.to_queries:
        return ()
    weights = torch.stack([each[:, row].mean(0) for each in looks.to_queries]).mean(0)
    weights[row] = 0
    best = weights.topk(min(MOST_OTHERS, len(weights)))
    return tuple(
        Other(name_of(other, frame), weight)
        for other, weight in zip(best.indices.tolist(), best.values.tolist(), strict=True)
    )


def _checked(output: ModelOutput, query: TracedQuery, trace: TraceFile) -> float:
    score = float(output.class_scores()[0, query.row].max())
    traced = query.layers[-1].score
    if abs(score - traced) > TOLERANCE:
        raise DataError(
            f"{trace.path}: the model answers {score:.2f} where {traced:.2f} was traced; "
            "was it another model, or another video?"
        )
    return score
