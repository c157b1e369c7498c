"""The scores of tracks by the literature's names, from the sums that they are shares of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from trackformer.evaluation.metrics.clear import mota, smota
from trackformer.evaluation.metrics.counts import TrackingCounts
from trackformer.evaluation.metrics.hota import HotaCurves, hota_curves
from trackformer.evaluation.metrics.identity import idf1
from trackformer.evaluation.metrics.shares import at_least_one

SMALL = 1e-10
"""TrackEval's guard of the mean IoU where nothing is matched; makes it 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackingScores:
    """The scores of one sequence, class or set of them; shares are percentages in [0, 100].

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
    """1 - (FN + FP + IDSW) / objects at IoU 0.5; below 0 with more mistakes than objects, 0 without
    objects."""
    motp: float
    """Mean IoU of TP at IoU 0.5; 0 where nothing is matched."""
    smota: float
    """(sum of the IoU of TP - FP - IDSW) / objects at IoU 0.5: sMOTSA where overlap is that of
    masks; 0 without objects."""
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
    det_re: float
    """TP / (TP + FN) at a, mean over a."""
    det_pr: float
    """TP / (TP + FP) at a, mean over a."""
    ass_re: float
    """Mean over TP of TPA / (TPA + FNA), mean over a: low where one object has many tracks."""
    ass_pr: float
    """Mean over TP of TPA / (TPA + FPA), mean over a: low where one track has many objects."""
    idp: float
    """IDTP / (IDTP + IDFP)."""
    idr: float
    """IDTP / (IDTP + IDFN)."""
    mostly_tracked: int
    """MT: objects matched in more than 80 % of their frames."""
    mostly_lost: int
    """ML: objects matched in less than 20 % of their frames."""
    fragmentations: int
    """Frag: how often an object is matched again after a miss."""
    num_ground_truth_ids: int
    """How many different objects there are."""
    num_result_ids: int
    """How many different tracks there are."""


def tracking_scores(name: str, counts: TrackingCounts) -> TrackingScores:
    """The scores that follow from the sums of one sequence, or of one set of them (M = 1)."""

    def whole(count: Float[np.ndarray, " 1"]) -> int:
        return int(np.rint(count).item())

    return TrackingScores(
        name=name,
        **{key: 100 * share.item() for key, share in score_shares(counts).items()},
        id_switches=whole(counts.switches),
        false_positives=whole(counts.result_boxes - counts.matches),
        false_negatives=whole(counts.boxes - counts.matches),
        mostly_tracked=whole(counts.mostly_tracked),
        mostly_lost=whole(counts.mostly_lost),
        fragmentations=whole(counts.fragmentations),
        num_ground_truth_ids=whole(counts.object_ids),
        num_result_ids=whole(counts.track_ids),
    )


def curves_of(counts: TrackingCounts) -> HotaCurves:
    """HOTA, DetA and AssA at every threshold."""
    return hota_curves(counts.boxes, counts.result_boxes, counts.hota_matches, counts.association)


def score_shares(counts: TrackingCounts) -> Mapping[str, Float[np.ndarray, " M"]]:
    """All scores that are shares, by their names in `TrackingScores`; 1 is the best."""
    curves, matches = curves_of(counts), counts.hota_matches
    boxes, results = counts.boxes, counts.result_boxes
    return {
        "hota": curves.hota.mean(-1),
        "det_a": curves.det_a.mean(-1),
        "ass_a": curves.ass_a.mean(-1),
        "loc_a": (np.maximum(SMALL, counts.iou) / np.maximum(SMALL, matches)).mean(-1),
        "mota": mota(boxes, results, counts.matches, counts.switches),
        "smota": smota(boxes, results, counts.matches, counts.matched_iou, counts.switches),
        "motp": counts.matched_iou / at_least_one(counts.matches),
        "idf1": idf1(counts.identity_matches, boxes, results),
        "precision": counts.matches / at_least_one(results),
        "recall": counts.matches / at_least_one(boxes),
        "det_re": (matches / at_least_one(boxes[:, None])).mean(-1),
        "det_pr": (matches / at_least_one(results[:, None])).mean(-1),
        "ass_re": (counts.association_recall / at_least_one(matches)).mean(-1),
        "ass_pr": (counts.association_precision / at_least_one(matches)).mean(-1),
        "idp": counts.identity_matches / at_least_one(results),
        "idr": counts.identity_matches / at_least_one(boxes),
    }
