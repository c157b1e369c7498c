"""One step of a tracker as a record: what was asked, answered and decided."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from trackformer.predictions import Predictions
from trackformer.tracking.lifecycle.decisions import Born, Decision, Rule, Started, Told
from trackformer.tracking.lifecycle.reasons import decisions_of
from trackformer.tracking.lifecycle.tracks import Tracks, as_track_queries
from trackformer.tracking.settings import TrackerSettings
from trackformer.tracking.tracing.records import (
    Box,
    Origin,
    TracedDecision,
    TracedFrame,
    TracedLayer,
    TracedQuery,
)

NEARLY: Final = 0.5
"""Object queries below `birth_score` matter from this share of it on."""


def traced_frame(
    before: Tracks,
    answer: Predictions,
    settings: TrackerSettings,
    told: Sequence[Told],
    image_size: tuple[int, int],
    first_row: int,
) -> TracedFrame:
    """All track queries of a frame, and the object queries that mattered.

    Args:
        before: The state that the queries were made of.
        answer: With its origins, if layers are wanted.
        settings: Of the tracker.
        told: What `advance` told.
        image_size: (height, width) of the frame.
        first_row: Where the embeddings of the track queries are written.
    """
    ids = before.ids.tolist()
    decisions: dict[int, list[Decision]] = defaultdict(list)
    for decision in decisions_of(told, ids):
        decisions[decision.row].append(decision)
    known = dict(enumerate(ids)) | _born(told, before.next_id)
    rows = [row for row in sorted(decisions) if row < len(ids) or _matters(decisions[row])]
    asked = as_track_queries(before, settings).boxes[0].tolist()
    return TracedFrame(
        frame_index=before.frame_index + 1,
        image_size=image_size,
        num_queries=len(answer.scores),
        track_ids=tuple(ids),
        frames_missed=tuple(before.frames_missed.tolist()),
        first_row=first_row,
        queries=tuple(
            TracedQuery(
                row=row,
                origin=_origin(row, before, answer),
                track_id=known.get(row),
                label=int(answer.labels[row]),
                last_box=tuple(before.boxes[row].tolist()) if row < len(ids) else None,
                reference=tuple(asked[row]) if row < len(ids) else _reference(answer, row),
                layers=_layers(answer, row),
                decisions=tuple(_traced(each, known) for each in decisions[row]),
            )
            for row in rows
        ),
    )


def _born(told: Sequence[Told], next_id: int) -> dict[int, int]:
    """Identity of every query that began one: a user's first."""
    began = (each for each in told if isinstance(each, Started | Born))
    rows = [row for each in began for row in each.rows.tolist()]
    return {row: next_id + index for index, row in enumerate(rows)}


def _matters(decisions: Sequence[Decision]) -> bool:
    last = decisions[-1]
    if last.rule is not Rule.NOT_BORN:
        return True
    return (last.value or 0) >= NEARLY * (last.threshold or 0)


def _origin(row: int, before: Tracks, answer: Predictions) -> Origin:
    if row < len(before.ids):
        return "track" if before.frames_missed[row] == 0 else "lost"
    num_proposed = 0 if answer.origins is None else answer.origins.num_proposed
    return "proposal" if row >= len(answer.scores) - num_proposed else "object"


def _reference(answer: Predictions, row: int) -> Box | None:
    if answer.origins is None or answer.origins.references is None:
        return None
    reference = tuple(answer.origins.references[row].tolist())
    # DETR's own queries have no place, which it says with zeros.
    return reference if any(reference) else None


def _layers(answer: Predictions, row: int) -> tuple[TracedLayer, ...]:
    if answer.origins is None:
        return (TracedLayer(float(answer.scores[row]), tuple(answer.boxes[row].tolist())),)
    scores, boxes = answer.origins.layer_scores[:, row], answer.origins.layer_boxes[:, row]
    return tuple(
        TracedLayer(score, tuple(box))
        for score, box in zip(scores.tolist(), boxes.tolist(), strict=True)
    )


def _traced(decision: Decision, known: Mapping[int, int]) -> TracedDecision:
    return TracedDecision(
        rule=decision.rule.value,
        setting=decision.setting,
        value=decision.value,
        threshold=decision.threshold,
        other=decision.other,
        other_track=None if decision.other is None else known.get(decision.other),
    )
