"""Identity: how much of the boxes one track per object over the whole sequence can explain.

Ristani et al. 2016, "Performance Measures and a Data Set for Multi-Target, Multi-Camera Tracking";
the same numbers as TrackEval's.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.optimize import linear_sum_assignment

from trackformer.evaluation.metrics.motchallenge import MATCHING_IOU, CountedSequence
from trackformer.evaluation.metrics.shares import at_least_one


def identity_matches(sequence: CountedSequence) -> int:
    """IDTP: most pairs at IoU 0.5 that one-to-one partners, object and track, can share.

    The published definition minimises IDFN + IDFP, which are the boxes of either side less IDTP:
    the same partners.
    """
    num_objects, num_tracks = len(sequence.object_ids), len(sequence.track_ids)
    shared = np.zeros((num_objects, num_tracks))
    for frame in sequence.frames:
        rows, columns = np.nonzero(frame.iou >= MATCHING_IOU)
        shared[frame.objects[rows], frame.tracks[columns]] += 1
    return int(shared[linear_sum_assignment(-shared)].sum())


def idf1(
    matches: Float[np.ndarray, " M"],
    boxes: Float[np.ndarray, " M"],
    results: Float[np.ndarray, " M"],
) -> Float[np.ndarray, " M"]:
    """IDF1 = 2 IDTP / (2 IDTP + IDFP + IDFN), [0, 1], of M sequences or sets of them.

    Args:
        matches: IDTP (`identity_matches`).
        boxes: Of objects: IDTP + IDFN.
        results: Of tracks: IDTP + IDFP.
    """
    return np.asarray(matches / at_least_one((boxes + results) / 2))
