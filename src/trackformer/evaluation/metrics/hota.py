"""HOTA: which results belong to which objects, and how well tracks stay on them.

Luiten et al. 2021, "HOTA: A Higher Order Metric for Evaluating Multi-Object Tracking"; the same
numbers as TrackEval's. Axis letters: P pairs, A thresholds,
M sequences or sets of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.optimize import linear_sum_assignment

from trackformer.evaluation.metrics.matches import EPSILON, FrameMatches, Matches, joined
from trackformer.evaluation.metrics.motchallenge import CountedFrame, CountedSequence
from trackformer.evaluation.metrics.shares import at_least_one

THRESHOLDS = np.arange(0.05, 0.99, 0.05)
"""The IoU from which a pair counts as matched: 0.05, 0.1, ..., 0.95."""


@dataclass(frozen=True, slots=True, eq=False)
class Association:
    """How far the object and the track of each matched pair share their frames, at each threshold.

    TPA: frames in which the two are matched; FNA, FPA: other frames of the object, of the track.
    All are 0 where the pair's IoU lies below the threshold.
    """

    is_matched: Bool[np.ndarray, "P A"]
    accuracy: Float[np.ndarray, "P A"]
    """TPA / (TPA + FNA + FPA)."""
    recall: Float[np.ndarray, "P A"]
    """TPA / (TPA + FNA)."""
    precision: Float[np.ndarray, "P A"]
    """TPA / (TPA + FPA)."""


@dataclass(frozen=True, slots=True, eq=False)
class HotaCurves:
    """HOTA and its parts at every threshold, in [0, 1], of M sequences or sets of them.

    Each score is the mean of its curve over the thresholds.
    """

    hota: Float[np.ndarray, "M A"]
    """sqrt(DetA * AssA)."""
    det_a: Float[np.ndarray, "M A"]
    """TP / (TP + FN + FP)."""
    ass_a: Float[np.ndarray, "M A"]
    """Mean of `Association.accuracy` over the matched pairs."""


def hota_curves(
    boxes: Float[np.ndarray, " M"],
    results: Float[np.ndarray, " M"],
    matches: Float[np.ndarray, "M A"],
    association_sum: Float[np.ndarray, "M A"],
) -> HotaCurves:
    """HOTA, DetA and AssA from sums (Luiten et al. 2021, equations 15 to 17 at each threshold).

    Args:
        boxes: TP + FN: boxes of objects.
        results: TP + FP: boxes of tracks.
        matches: TP: matched pairs whose IoU reaches the threshold.
        association_sum: `Association.accuracy`, summed over the matched pairs.
    """
    union = boxes[:, None] + results[:, None] - matches
    det_a = matches / at_least_one(union)
    ass_a = association_sum / at_least_one(matches)
    return HotaCurves(np.sqrt(det_a * ass_a), det_a, ass_a)


def hota_matches(sequence: CountedSequence) -> Matches:
    """The one matching of each frame that HOTA uses for all thresholds.

    It maximises the sum of IoU times how well object and track agree over the whole sequence.
    """
    alignment = _global_alignment(sequence)
    parts = []
    for index, frame in enumerate(sequence.frames):
        if frame.iou.size == 0:
            continue
        score = alignment[frame.objects[:, None], frame.tracks[None]] * frame.iou
        rows, columns = linear_sum_assignment(-score)
        iou = frame.iou[rows, columns]
        parts.append(FrameMatches(index, rows, frame.objects[rows], frame.tracks[columns], iou))
    return joined(parts)


def association(sequence: CountedSequence, matches: Matches) -> Association:
    """What HOTA's matches say about identities."""
    is_matched = matches.iou[:, None] >= THRESHOLDS - EPSILON
    num_tracks = len(sequence.track_ids)
    # Pairs of the same object and track share one count.
    combinations, which = np.unique(
        matches.objects * num_tracks + matches.tracks, return_inverse=True
    )
    shared = np.stack(
        [np.bincount(which[chosen], minlength=len(combinations)) for chosen in is_matched.T], axis=1
    )
    of_object = sequence.boxes_of_objects[combinations // max(num_tracks, 1)][:, None]
    of_track = sequence.boxes_of_tracks[combinations % max(num_tracks, 1)][:, None]
    return Association(
        is_matched=is_matched,
        accuracy=(shared / (of_object + of_track - shared))[which] * is_matched,
        recall=(shared / of_object)[which] * is_matched,
        precision=(shared / of_track)[which] * is_matched,
    )


def _global_alignment(sequence: CountedSequence) -> Float[np.ndarray, "O T"]:
    """How well every object and every track agree before anything is matched, [0, 1]."""
    shared = np.zeros((len(sequence.object_ids), len(sequence.track_ids)))
    for frame in sequence.frames:
        if frame.iou.size:
            shared[frame.objects[:, None], frame.tracks[None]] += _relative_iou(frame)
    boxes = sequence.boxes_of_objects[:, None] + sequence.boxes_of_tracks[None]
    return np.asarray(shared / (boxes - shared))


def _relative_iou(frame: CountedFrame) -> Float[np.ndarray, "G N"]:
    """IoU over all the IoU that the two have with anything in the frame."""
    iou = frame.iou
    total = iou.sum(0)[None, :] + iou.sum(1)[:, None] - iou
    relative = np.zeros_like(iou)
    np.divide(iou, total, out=relative, where=total > EPSILON)
    return relative
