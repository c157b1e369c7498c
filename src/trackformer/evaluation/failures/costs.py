"""What a failure costs: the boxes that a miss leaves out, that a switch gives another identity.

A box counts by its visible share: one that hardly anybody can see costs hardly anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from trackformer.data.annotations import AnnotatedFrame, AnnotatedSequence
from trackformer.evaluation.failures.object_history import hidden_share
from trackformer.evaluation.metrics.tracking import MatchedSequence


def box_cost(frame: AnnotatedFrame, row: int) -> float:
    """What one box costs that is missed or has another identity: its visible share, [0, 1]."""
    return 1 - hidden_share(frame, row)


def miss_cost(boxes: Iterable[float]) -> float:
    """What a missed object costs: the sum of `box_cost` over the frames of the miss, 0 or more."""
    return sum(boxes)


@dataclass(frozen=True, slots=True)
class SwitchCost:
    """Boxes of one object that are matched, but not with the track it has most of the time."""

    boxes: int
    cost: float
    """Sum of their visible shares."""


def switch_costs(sequence: AnnotatedSequence, matched: MatchedSequence) -> tuple[SwitchCost, ...]:
    """One for each switch, in the order of `find_switches`.

    Switches cut the matched boxes of an object into pieces, each with one track. The object's
    identity is the track it has in most boxes (of several, the first). Every piece with another
    track belongs to one switch: to the one that ends it, before the object first has its identity;
    to the one that begins it, afterwards. A switch back to the identity costs nothing, and the
    boxes of all switches add up to all boxes that have another identity.
    """
    clear = matched.clear
    costs = {int(pair): SwitchCost(0, 0.0) for pair in np.flatnonzero(clear.is_switch)}
    for place in range(len(matched.counted.object_ids)):
        own = np.flatnonzero(clear.pairs.objects == place)
        pieces = np.split(own, np.flatnonzero(clear.is_switch[own]))
        if len(pieces) < 2:
            continue
        identity = _most_frequent(clear.pairs.tracks[own])
        tracks = [int(clear.pairs.tracks[piece[0]]) for piece in pieces]
        first = tracks.index(identity)
        for number, (piece, track) in enumerate(zip(pieces, tracks, strict=True)):
            if track != identity:
                culprit = pieces[number + 1] if number < first else piece
                costs[int(culprit[0])] = _cost(sequence, matched, piece)
    return tuple(costs.values())


def _most_frequent(tracks: Int[np.ndarray, " P"]) -> int:
    distinct, firsts, counts = np.unique(tracks, return_index=True, return_counts=True)
    return int(distinct[np.lexsort((firsts, -counts))[0]])


def _cost(
    sequence: AnnotatedSequence, matched: MatchedSequence, piece: Int[np.ndarray, " P"]
) -> SwitchCost:
    pairs = matched.clear.pairs
    places = zip(pairs.frames[piece].tolist(), pairs.rows[piece].tolist(), strict=True)
    cost = sum(box_cost(sequence.frames[frame], row) for frame, row in places)
    return SwitchCost(len(piece), cost)
