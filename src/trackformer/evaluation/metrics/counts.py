"""The sums from which all scores follow; those of several sequences add up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Float

from trackformer.evaluation.metrics.clear import ClearMatches, tracked_objects
from trackformer.evaluation.metrics.hota import Association
from trackformer.evaluation.metrics.identity import identity_matches
from trackformer.evaluation.metrics.matches import Matches
from trackformer.evaluation.metrics.motchallenge import CountedSequence

Sum = Float[np.ndarray, " M"]
Curve = Float[np.ndarray, "M A"]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class TrackingCounts:
    """Of M sequences or sets of sequences, one row each; A: HOTA's thresholds."""

    boxes: Sum
    """Annotated boxes of objects."""
    result_boxes: Sum
    object_ids: Sum
    track_ids: Sum
    hota_matches: Curve
    iou: Curve
    """Sum over HOTA's matches, as the three below."""
    association: Curve
    association_recall: Curve
    association_precision: Curve
    matches: Sum
    """CLEAR's, at IoU 0.5."""
    matched_iou: Sum
    switches: Sum
    fragmentations: Sum
    mostly_tracked: Sum
    mostly_lost: Sum
    identity_matches: Sum


def tracking_counts(
    sequence: CountedSequence, hota: Matches, links: Association, clear: ClearMatches
) -> TrackingCounts:
    """The sums of one sequence: M = 1."""
    mostly_tracked, mostly_lost = tracked_objects(sequence, clear)
    sums = {
        "boxes": sequence.boxes_of_objects.sum(),
        "result_boxes": sequence.boxes_of_tracks.sum(),
        "object_ids": len(sequence.object_ids),
        "track_ids": len(sequence.track_ids),
        "hota_matches": links.is_matched.sum(0),
        "iou": hota.iou @ links.is_matched,
        "association": links.accuracy.sum(0),
        "association_recall": links.recall.sum(0),
        "association_precision": links.precision.sum(0),
        "matches": len(clear.pairs.iou),
        "matched_iou": clear.pairs.iou.sum(),
        "switches": clear.is_switch.sum(),
        "fragmentations": np.maximum(clear.fragments - 1, 0).sum(),
        "mostly_tracked": mostly_tracked,
        "mostly_lost": mostly_lost,
        "identity_matches": identity_matches(sequence),
    }
    return TrackingCounts(
        **{name: np.asarray(value, np.float64)[None] for name, value in sums.items()}
    )


def weighted_counts(
    counts: Sequence[TrackingCounts], weights: Float[np.ndarray, "M S"]
) -> TrackingCounts:
    """The sums of M sets, each of which takes each of S sequences so many times."""
    return TrackingCounts(
        **{
            field.name: weights @ np.concatenate([getattr(entry, field.name) for entry in counts])
            for field in fields(TrackingCounts)
        }
    )
