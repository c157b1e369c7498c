"""How well objects are told apart, as shares of pairs: thousands of samples in a few videos.

AssA hangs on some dozens of people, of whom one exchanged identity moves it by points. Here every
sighting of a person beside others is a sample of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float


@dataclass(frozen=True, slots=True)
class ToldApart:
    """Counts over sightings that have an own object and others to be mistaken for."""

    sightings: int = 0
    better_than_others: float = 0.0
    """Sum over sightings of the share of others who are further away than the own object."""
    mistaken: int = 0
    """Sightings for which somebody else is nearest."""

    def __add__(self, other: ToldApart) -> ToldApart:
        """The counts of both."""
        return ToldApart(
            self.sightings + other.sightings,
            self.better_than_others + other.better_than_others,
            self.mistaken + other.mistaken,
        )

    @property
    def auc(self) -> float:
        """How often the own object is nearer than another one, [0, 1]; 0.5: luck; NaN: nobody."""
        return self.better_than_others / self.sightings if self.sightings else float("nan")

    @property
    def mistaken_share(self) -> float:
        """Of the sightings, [0, 1]; NaN: nobody."""
        return self.mistaken / self.sightings if self.sightings else float("nan")


def told_apart(distances: Float[np.ndarray, "A E"], is_own: Bool[np.ndarray, "A E"]) -> ToldApart:
    """Count the sightings A that have exactly one own sighting, and others, among E.

    Args:
        distances: Smaller is more alike.
        is_own: Which of E is the same object.

    Returns:
        The counts; an equal distance is half of a further one, and no mistake.
    """
    counts = (is_own.sum(1) == 1) & (~is_own).any(1)
    distances, is_own = distances[counts], is_own[counts]
    own = np.where(is_own, distances, 0).sum(1, keepdims=True)
    num_others = (~is_own).sum(1)
    further = ((distances > own) & ~is_own).sum(1) + 0.5 * ((distances == own) & ~is_own).sum(1)
    is_mistaken = ((distances < own) & ~is_own).any(1)
    return ToldApart(
        len(own), float((further / np.maximum(num_others, 1)).sum()), int(is_mistaken.sum())
    )


def ranked_right(right: Float[np.ndarray, " R"], wrong: Float[np.ndarray, " W"]) -> float:
    """How often a right answer scores higher than a wrong one (AUC), [0, 1]; NaN without both."""
    if len(right) == 0 or len(wrong) == 0:
        return float("nan")
    ordered = np.sort(wrong)
    below = np.searchsorted(ordered, right, "left") + np.searchsorted(ordered, right, "right")
    return float(below.mean() / 2 / len(wrong))
