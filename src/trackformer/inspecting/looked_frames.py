"""Where queries looked in the frames of a run that are worth a look, for the inspector's page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor

from trackformer.inspecting.asked_again import AskedAgain
from trackformer.inspecting.content import Looked
from trackformer.inspecting.explain import others_of
from trackformer.inspecting.looks import Looks
from trackformer.inspecting.moments import suspicious_moments
from trackformer.inspecting.run_folder import RunFolder
from trackformer.models.trackformer import TrackFormer
from trackformer.tracking.tracing.records import TracedFrame, TracedQuery

MOST_FRAMES: Final = 60
MOST_POINTS: Final = 40
FEWEST: Final = 0.05
"""Of the largest weight: cells below it are not shown."""
ORDINARY: Final = ("kept", "below", "not born", "lost", "waiting", "on a track", "on a birth")


def looked_frames(
    model: TrackFormer, run: RunFolder, source: str | None = None
) -> dict[tuple[int, int], Looked]:
    """By frame and identity, in frames where something happened or looks suspicious.

    Args:
        model: The one that was traced, optimised for inference.
        run: With a trace.
        source: The video; None: as the trace says.

    Raises:
        DataError: The video cannot be read.
    """
    if run.trace is None:
        return {}
    frames = list(run.trace.frames())
    wanted = set(_worth_a_look(run, frames))
    found = {}
    with AskedAgain.open(model, run.trace, source) as again:
        for frame in frames:
            if frame.frame_index not in wanted:
                continue
            looks = again.frame(frame).looks
            for query in frame.queries:
                if query.track_id is not None:
                    key = frame.frame_index, query.track_id
                    found[key] = _looked(looks, query.row, frame)
    return found


def _worth_a_look(run: RunFolder, frames: Sequence[TracedFrame]) -> list[int]:
    """The frames of the worst moments and next to them, then those where something happened."""
    moments = suspicious_moments(run.frames, frames)
    near = [moment.frame + step for moment in moments for step in (0, -1, 1)]
    happened = [
        frame.frame_index for frame in frames if any(_is_special(query) for query in frame.queries)
    ]
    return list(dict.fromkeys(near + happened))[:MOST_FRAMES]


def _is_special(query: TracedQuery) -> bool:
    # Not the last decision alone: who is suppressed is lost in the end, as those unseen are.
    return any(decision.rule not in ORDINARY for decision in query.decisions)


def _looked(looks: Looks, row: int, frame: TracedFrame) -> Looked:
    points, weights = _last_layer(looks, row)
    height, width = frame.image_size
    strongest = weights.topk(min(MOST_POINTS, len(weights)))
    largest = max(float(strongest.values[0]), 1e-9) if len(weights) else 1.0
    return Looked(
        points=tuple(
            (round(x * width, 1), round(y * height, 1), round(weight / largest, 3))
            for (x, y), weight in zip(
                points[strongest.indices].tolist(), strongest.values.tolist(), strict=True
            )
            if weight >= FEWEST * largest
        ),
        others=", ".join(
            f"{other.name} ({100 * other.weight:.0f} %)" for other in others_of(looks, row, frame)
        ),
    )


def _last_layer(looks: Looks, row: int) -> tuple[Float[Tensor, "A 2"], Float[Tensor, " A"]]:
    """Places and weights, of sampled points or of cells."""
    if looks.locations:
        last = looks.points_of(row)[-1]
        return last.points.flatten(0, -2).float(), last.weights.flatten().float()
    if not looks.maps:
        return torch.zeros(0, 2), torch.zeros(0)
    weights = looks.maps[-1][:, row].mean(0)
    rows, columns = (
        (torch.arange(count, device=weights.device) + 0.5) / count for count in weights.shape
    )
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    return torch.stack([x, y], dim=-1).flatten(0, 1).float(), weights.flatten().float()
