"""How sure a score is, given how few sequences it is measured on.

The bootstrap: as many sequences as there are, drawn with replacement again and again; the combined
scores of each drawing show how much they depend on which scenes happened to be recorded. Objects
and frames of one scene are not independent, so sequences are drawn, not boxes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from trackformer.evaluation.metrics.counts import TrackingCounts, weighted_counts
from trackformer.evaluation.metrics.scores import score_shares

LEVEL: Final = 0.95
NUM_DRAWINGS: Final = 2000
FEW_SEQUENCES: Final = 10
"""With fewer, the interval itself is a rough guess, and usually too narrow."""


@dataclass(frozen=True, slots=True)
class Interval:
    """The middle 95 % of the drawings, in percent."""

    low: float
    high: float


def score_intervals(
    counts: Sequence[TrackingCounts], generator: np.random.Generator
) -> Mapping[str, Interval]:
    """An interval for every share of `TrackingScores`; none for fewer than two sequences."""
    num_sequences = len(counts)
    if num_sequences < 2:
        return {}
    shares = np.full(num_sequences, 1 / num_sequences)
    drawn = generator.multinomial(num_sequences, shares, size=NUM_DRAWINGS)
    tail = (1 - LEVEL) / 2
    scores = score_shares(weighted_counts(counts, drawn.astype(np.float64)))
    return {
        name: Interval(*(100 * float(edge) for edge in np.quantile(values, [tail, 1 - tail])))
        for name, values in scores.items()
    }
