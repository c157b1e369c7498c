"""CLEAR: matches that prefer to go on as in the frame before, and the mistakes that remain.

Bernardin and Stiefelhagen 2008, "Evaluating Multiple Object Tracking Performance: The CLEAR MOT
Metrics"; the same numbers as TrackEval's. Axis letters: P pairs, O objects, M
sequences or sets of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.optimize import linear_sum_assignment

from trackformer.evaluation.metrics.matches import EPSILON, FrameMatches, Matches, joined
from trackformer.evaluation.metrics.motchallenge import MATCHING_IOU, CountedFrame, CountedSequence
from trackformer.evaluation.metrics.shares import at_least_one

NEVER = -1
MOSTLY_TRACKED, MOSTLY_LOST = 0.8, 0.2
"""Share of an object's frames above which it counts as mostly tracked, below which as lost."""
CONTINUATION = 1000
"""Weight of going on with the same track: more than any sum of IoU in a frame can outweigh."""


@dataclass(frozen=True, slots=True, eq=False)
class ClearMatches:
    """The matched pairs of a sequence and what came before each."""

    pairs: Matches
    previous_tracks: Int[np.ndarray, " P"]
    """The track this object was matched with the last time; `NEVER` at the first time."""
    previous_frames: Int[np.ndarray, " P"]
    """When that was."""
    fragments: Int[np.ndarray, " O"]
    """Into how many pieces each object's trajectory falls, 0 where it is never matched."""

    @property
    def is_again(self) -> Bool[np.ndarray, " P"]:
        """The object was matched before."""
        return np.asarray(self.previous_tracks != NEVER)

    @property
    def is_switch(self) -> Bool[np.ndarray, " P"]:
        """The object was matched before, with another track."""
        return np.asarray(self.is_again & (self.previous_tracks != self.pairs.tracks))


def clear_matches(sequence: CountedSequence) -> ClearMatches:
    """Match frame by frame at IoU 0.5: first those that go on, then by the largest sum of IoU."""
    num_objects = len(sequence.object_ids)
    last_track = np.full(num_objects, NEVER)
    last_frame = np.full(num_objects, NEVER)
    just_before = np.full(num_objects, NEVER)
    fragments = np.zeros(num_objects, dtype=np.int64)
    parts, previous_tracks, previous_frames = [], [last_track[:0]], [last_frame[:0]]
    for index, frame in enumerate(sequence.frames):
        # A frame without objects or results is no interruption, as in TrackEval.
        if frame.iou.size == 0:
            continue
        part = _frame_matches(index, frame, just_before)
        previous_tracks.append(last_track[part.objects])
        previous_frames.append(last_frame[part.objects])
        fragments[part.objects] += just_before[part.objects] == NEVER
        just_before[:] = NEVER
        just_before[part.objects] = part.tracks
        last_track[part.objects] = part.tracks
        last_frame[part.objects] = index
        parts.append(part)
    return ClearMatches(
        joined(parts), np.concatenate(previous_tracks), np.concatenate(previous_frames), fragments
    )


def tracked_objects(sequence: CountedSequence, matches: ClearMatches) -> tuple[int, int]:
    """How many objects are mostly tracked (over 80 % of their frames), and mostly lost.

    Lost: matched in under 20 % of them. Both are 0 in a sequence without any object.
    """
    matched = np.bincount(matches.pairs.objects, minlength=len(sequence.object_ids))
    share = matched / sequence.boxes_of_objects
    return int((share > MOSTLY_TRACKED).sum()), int((share < MOSTLY_LOST).sum())


def mota(
    boxes: Float[np.ndarray, " M"],
    results: Float[np.ndarray, " M"],
    matches: Float[np.ndarray, " M"],
    switches: Float[np.ndarray, " M"],
) -> Float[np.ndarray, " M"]:
    """MOTA = 1 - (FN + FP + IDSW) / objects, at most 1; 0 without objects.

    Args:
        boxes: Of objects: TP + FN.
        results: Of tracks: TP + FP.
        matches: TP.
        switches: IDSW.
    """
    mistakes = boxes + results - 2 * matches + switches
    return np.where(boxes > 0, 1 - mistakes / at_least_one(boxes), 0.0)


def smota(
    boxes: Float[np.ndarray, " M"],
    results: Float[np.ndarray, " M"],
    matches: Float[np.ndarray, " M"],
    matched_iou: Float[np.ndarray, " M"],
    switches: Float[np.ndarray, " M"],
) -> Float[np.ndarray, " M"]:
    """SMOTA = (sum of the IoU of TP - FP - IDSW) / objects, at most 1; 0 without objects."""
    return np.asarray((matched_iou - (results - matches) - switches) / at_least_one(boxes))


def _frame_matches(
    index: int, frame: CountedFrame, just_before: Int[np.ndarray, " O"]
) -> FrameMatches:
    goes_on = frame.tracks[None, :] == just_before[frame.objects][:, None]
    score = CONTINUATION * goes_on + frame.iou
    score[frame.iou < MATCHING_IOU - EPSILON] = 0
    rows, columns = linear_sum_assignment(-score)
    is_matched = score[rows, columns] > EPSILON
    rows, columns = rows[is_matched], columns[is_matched]
    return FrameMatches(
        index, rows, frame.objects[rows], frame.tracks[columns], frame.iou[rows, columns]
    )
