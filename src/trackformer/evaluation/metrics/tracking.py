"""How good tracks are: HOTA, CLEAR and Identity per sequence and over all of them.

The definitions and numbers are those of TrackEval (a test compares them).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from trackformer.data.annotations import AnnotatedData, AnnotatedSequence
from trackformer.data.results import ResultFrame
from trackformer.errors import DataError
from trackformer.evaluation.metrics.clear import ClearMatches, clear_matches
from trackformer.evaluation.metrics.counts import TrackingCounts, tracking_counts, weighted_counts
from trackformer.evaluation.metrics.hota import Association, association, hota_matches
from trackformer.evaluation.metrics.matches import Matches
from trackformer.evaluation.metrics.motchallenge import CountedSequence, counted_sequence
from trackformer.evaluation.metrics.scores import TrackingScores, tracking_scores

COMBINED: Final = "combined"
"""Name of the row over all sequences."""


@dataclass(frozen=True, slots=True)
class EvaluationTable:
    """The scores of every sequence and of all together."""

    sequences: tuple[TrackingScores, ...]
    combined: TrackingScores
    """Over all boxes and identities, not the mean of the sequences."""
    overlap: Literal["boxes", "masks"] = "boxes"
    """What IoU is of."""


@dataclass(frozen=True, slots=True, eq=False)
class MatchedSequence:
    """One sequence with everything that its scores and their explanation are read from."""

    counted: CountedSequence
    hota: Matches
    links: Association
    """Of `hota`'s pairs."""
    clear: ClearMatches
    counts: TrackingCounts


@dataclass(frozen=True, slots=True, eq=False)
class ScoredVideo:
    """One video as it was scored: only the frames asked for have objects and results."""

    sequence: AnnotatedSequence
    results: Sequence[ResultFrame]
    matched: MatchedSequence


def evaluate_tracking(
    ground_truth: AnnotatedData, results: Mapping[str, Sequence[ResultFrame]]
) -> EvaluationTable:
    """Score tracks by the rules of MOTChallenge; all objects count as one class.

    Args:
        ground_truth: Videos; images are not looked at.
        results: By name of the sequence. A sequence may have no frames in it, but must be named.

    Raises:
        DataError: A sequence has no results, or they do not fit it.
    """
    check_all_have_results(ground_truth, results)
    return score_table(
        [match_sequence(entry, results[entry.name]) for entry in ground_truth.sequences]
    )


def check_all_have_results(
    ground_truth: AnnotatedData, results: Mapping[str, Sequence[ResultFrame]]
) -> None:
    """Refuse results that leave a sequence out, and data without any sequence."""
    missing = [entry.name for entry in ground_truth.sequences if entry.name not in results]
    if missing or not ground_truth.sequences:
        raise DataError(f"expected results of every sequence, got none of {', '.join(missing)}")


def match_sequence(sequence: AnnotatedSequence, results: Sequence[ResultFrame]) -> MatchedSequence:
    """Match the results of one sequence, by the IoU of boxes.

    Raises:
        DataError: See `counted_sequence`.
    """
    return match_counted(counted_sequence(sequence, results))


def match_counted(counted: CountedSequence) -> MatchedSequence:
    """Match whatever is counted, by whichever overlap its frames hold."""
    hota, clear = hota_matches(counted), clear_matches(counted)
    links = association(counted, hota)
    return MatchedSequence(
        counted, hota, links, clear, tracking_counts(counted, hota, links, clear)
    )


def score_table(sequences: Sequence[MatchedSequence]) -> EvaluationTable:
    """The scores of one or more sequences and of all together."""
    rows = [tracking_scores(entry.counted.name, entry.counts) for entry in sequences]
    everything = combined_counts([entry.counts for entry in sequences])
    return EvaluationTable(tuple(rows), tracking_scores(COMBINED, everything))


def combined_counts(counts: Sequence[TrackingCounts]) -> TrackingCounts:
    """The sums over all sequences."""
    return weighted_counts(counts, np.ones((1, len(counts))))
