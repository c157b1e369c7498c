"""How good tracks are: HOTA, CLEAR and Identity per sequence and over all of them.

Computed by TrackEval's own metric classes, so the numbers are the published definitions.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from trackformer.data.annotations import AnnotatedData
from trackformer.data.results import ResultFrame
from trackformer.errors import DataError
from trackformer.evaluation.motchallenge import metric_input

COMBINED: Final = "combined"
"""Name of the row over all sequences."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackingScores:
    """The scores of one sequence or of all; shares are percentages in [0, 100].

    TP, FP, FN: matched pairs, results without an object, objects without a result.
    """

    name: str
    hota: float
    """sqrt(DetA * AssA), mean over the IoU thresholds a = 0.05, 0.1, ..., 0.95."""
    det_a: float
    """TP / (TP + FN + FP) at a, mean over a: were the objects found?"""
    ass_a: float
    """Mean over TP of TPA / (TPA + FNA + FPA) - the frames its object and its track share, of all
    frames of the two - mean over a: do the tracks stay on their objects?"""
    loc_a: float
    """Mean IoU of TP, mean over a; 100 where nothing is matched."""
    mota: float
    """1 - (FN + FP + IDSW) / objects at IoU 0.5; below 0 with more mistakes than objects."""
    motp: float
    """Mean IoU of TP at IoU 0.5; 0 where nothing is matched."""
    idf1: float
    """2 IDTP / (2 IDTP + IDFP + IDFN) with one track for each object over the whole sequence."""
    id_switches: int
    """IDSW: how often an object is matched to another track than the last time."""
    false_positives: int
    """FP at IoU 0.5."""
    false_negatives: int
    """FN at IoU 0.5."""
    precision: float
    """TP / (TP + FP) at IoU 0.5."""
    recall: float
    """TP / (TP + FN) at IoU 0.5."""
    num_ground_truth_ids: int
    """How many different objects there are."""
    num_result_ids: int
    """How many different tracks there are."""


@dataclass(frozen=True, slots=True)
class EvaluationTable:
    """The scores of every sequence and of all together."""

    sequences: tuple[TrackingScores, ...]
    combined: TrackingScores
    """Over all boxes and identities, not the mean of the sequences."""


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
    missing = [entry.name for entry in ground_truth.sequences if entry.name not in results]
    if missing or not ground_truth.sequences:
        raise DataError(f"expected results of every sequence, got none of {', '.join(missing)}")
    inputs = {
        sequence.name: metric_input(sequence, results[sequence.name])
        for sequence in ground_truth.sequences
    }
    metrics = _trackeval_metrics()
    raw = {
        kind: {name: metric.eval_sequence(data) for name, data in inputs.items()}
        for kind, metric in metrics.items()
    }
    combined = {kind: metric.combine_sequences(raw[kind]) for kind, metric in metrics.items()}
    rows = tuple(
        _scores(
            name,
            {kind: raw[kind][name] for kind in metrics},
            num_objects=data["num_gt_ids"],
            num_tracks=data["num_tracker_ids"],
        )
        for name, data in inputs.items()
    )
    objects = sum(row.num_ground_truth_ids for row in rows)
    tracks = sum(row.num_result_ids for row in rows)
    return EvaluationTable(rows, _scores(COMBINED, combined, objects, tracks))


def _trackeval_metrics() -> dict[str, Any]:
    # Imported late because it is slow, and in silence because it prints about optional parts.
    with contextlib.redirect_stdout(io.StringIO()):
        from trackeval.metrics import CLEAR, HOTA, Identity

    quiet = {"PRINT_CONFIG": False, "THRESHOLD": 0.5}
    return {"hota": HOTA(), "clear": CLEAR(dict(quiet)), "identity": Identity(dict(quiet))}


def _scores(name: str, raw: Mapping[str, Any], num_objects: int, num_tracks: int) -> TrackingScores:
    """Percentages from TrackEval's shares; HOTA's parts are curves over the IoU threshold."""
    hota, clear, identity = raw["hota"], raw["clear"], raw["identity"]
    return TrackingScores(
        name=name,
        hota=_percent(hota["HOTA"]),
        det_a=_percent(hota["DetA"]),
        ass_a=_percent(hota["AssA"]),
        loc_a=_percent(hota["LocA"]),
        mota=_percent(clear["MOTA"]),
        motp=_percent(clear["MOTP"]),
        idf1=_percent(identity["IDF1"]),
        id_switches=int(clear["IDSW"]),
        false_positives=int(clear["CLR_FP"]),
        false_negatives=int(clear["CLR_FN"]),
        precision=_percent(clear["CLR_Pr"]),
        recall=_percent(clear["CLR_Re"]),
        num_ground_truth_ids=num_objects,
        num_result_ids=num_tracks,
    )


def _percent(share: Any) -> float:
    return 100 * float(np.mean(share))
