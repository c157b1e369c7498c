"""Which boxes MOTChallenge counts, and what overlaps what: all that the metrics need.

The rules are those of `trackeval.datasets.MotChallenge2DBox`, applied to records in memory; data
with ignore regions that forgive what lies inside follow `Kitti2DBox` and `BDD100K` there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.optimize import linear_sum_assignment

from trackformer.data.annotations import AnnotatedFrame, AnnotatedSequence
from trackformer.data.results import ResultFrame
from trackformer.errors import DataError
from trackformer.evaluation.metrics.matches import EPSILON

MATCHING_IOU = 0.5
"""A result belongs to a distractor from this IoU on."""


@dataclass(frozen=True, slots=True, eq=False)
class CountedFrame:
    """The objects and results of one frame that enter the metrics."""

    objects: Int[np.ndarray, " G"]
    """Identities, as places in `CountedSequence.object_ids`; all the frame's, in its order."""
    tracks: Int[np.ndarray, " N"]
    """Identities, as places in `CountedSequence.track_ids`."""
    iou: Float[np.ndarray, "G N"]


@dataclass(frozen=True, slots=True, eq=False)
class CountedSequence:
    """All that the metrics of a sequence are computed from: every frame of the video."""

    name: str
    frames: tuple[CountedFrame, ...]
    object_ids: Int[np.ndarray, " O"]
    """The ids of the objects that occur, as the annotations have them."""
    track_ids: Int[np.ndarray, " T"]
    """The ids of the tracks that occur, as the results have them."""

    @property
    def boxes_of_objects(self) -> Int[np.ndarray, " O"]:
        """In how many frames each object is annotated."""
        return _occurrences([frame.objects for frame in self.frames], len(self.object_ids))

    @property
    def boxes_of_tracks(self) -> Int[np.ndarray, " T"]:
        """In how many frames each track has a box."""
        return _occurrences([frame.tracks for frame in self.frames], len(self.track_ids))


def counted_sequence(
    sequence: AnnotatedSequence, results: Sequence[ResultFrame]
) -> CountedSequence:
    """Join the annotations of a sequence with results and drop what is not counted.

    Raises:
        DataError: There are no frames, or results lie beyond the last one, lack ids, or repeat one
            within a frame.
    """
    if not sequence.frames:
        raise DataError(f"{sequence.name}: expected at least one frame, got none")
    result_by_frame = _checked_results(sequence, results)
    if sequence.forgives_ignored:
        result_by_frame = {
            index: _unforgiven(sequence.frames[index], result)
            for index, result in result_by_frame.items()
        }
    counted = [
        _counted_frame(frame, result_by_frame[frame.frame_index])
        if frame.frame_index in result_by_frame
        else _frame_without_results(frame)
        for frame in sequence.frames
    ]
    return with_places(sequence.name, counted)


def with_places(name: str, counted: Sequence[CountedFrame]) -> CountedSequence:
    """The frames of a sequence, in which ids stand for identities, with places instead."""
    objects, object_ids = _numbered_from_zero([frame.objects for frame in counted])
    tracks, track_ids = _numbered_from_zero([frame.tracks for frame in counted])
    frames = tuple(
        CountedFrame(of_objects, of_tracks, frame.iou)
        for of_objects, of_tracks, frame in zip(objects, tracks, counted, strict=True)
    )
    return CountedSequence(name, frames, object_ids, track_ids)


def _checked_results(
    sequence: AnnotatedSequence, results: Sequence[ResultFrame]
) -> Mapping[int, ResultFrame]:
    by_frame: dict[int, ResultFrame] = {}
    for frame in results:
        where = f"results of {sequence.name}, frame {frame.frame_index + 1}"
        if not 0 <= frame.frame_index < len(sequence.frames):
            raise DataError(f"{where}: expected frames from 1 to {len(sequence.frames)}")
        if frame.frame_index in by_frame:
            raise DataError(f"{where}: expected each frame once")
        if (frame.track_ids < 0).any():
            raise DataError(f"{where}: expected tracks with ids from 0 on, got detections (id -1)")
        if len(np.unique(frame.track_ids)) < len(frame.track_ids):
            raise DataError(f"{where}: expected each id once in a frame")
        by_frame[frame.frame_index] = frame
    return by_frame


def _counted_frame(frame: AnnotatedFrame, result: ResultFrame) -> CountedFrame:
    """Drop the results that match a distractor; only objects remain of the annotations."""
    num_objects = len(frame.boxes_xyxy)
    if not frame.ignore_is_distractor.any():
        iou = pairwise_iou(frame.boxes_xyxy, result.boxes_xyxy)
        return CountedFrame(frame.track_ids, result.track_ids, iou)
    annotated_xyxy = np.concatenate(
        [frame.boxes_xyxy, frame.ignore_boxes_xyxy, frame.other_boxes_xyxy]
    )
    is_distractor = np.zeros(len(annotated_xyxy), dtype=bool)
    behind = num_objects + len(frame.ignore_boxes_xyxy)
    is_distractor[num_objects:behind] = frame.ignore_is_distractor
    iou = pairwise_iou(annotated_xyxy, result.boxes_xyxy)
    keep = ~_matches_distractor(iou, is_distractor)
    return CountedFrame(frame.track_ids, result.track_ids[keep], iou[:num_objects, keep])


def _unforgiven(frame: AnnotatedFrame, result: ResultFrame) -> ResultFrame:
    """Without the results that match no object and lie more than half inside an ignore region.

    The rule of `trackeval.datasets.Kitti2DBox` and `BDD100K`.
    """
    if not len(frame.ignore_boxes_xyxy) or not len(result.track_ids):
        return result
    inside = share_inside(result.boxes_xyxy, frame.ignore_boxes_xyxy).max(axis=1)
    iou = pairwise_iou(frame.boxes_xyxy, result.boxes_xyxy)
    is_matched = _matches_distractor(iou, np.ones(len(frame.boxes_xyxy), dtype=bool))
    keep = is_matched | (inside <= MATCHING_IOU + EPSILON)
    return ResultFrame(
        result.frame_index, result.track_ids[keep], result.boxes_xyxy[keep], result.scores[keep]
    )


def _frame_without_results(frame: AnnotatedFrame) -> CountedFrame:
    none = np.zeros(0, dtype=np.int64)
    return CountedFrame(frame.track_ids, none, np.zeros((len(frame.track_ids), 0)))


def _matches_distractor(
    iou: Float[np.ndarray, "A N"], is_distractor: Bool[np.ndarray, " A"]
) -> Bool[np.ndarray, " N"]:
    """Whether each result's partner, in the best matching with all that is annotated, is one."""
    scores = np.where(iou < MATCHING_IOU - EPSILON, 0.0, iou)
    rows, columns = linear_sum_assignment(-scores)
    is_matched = scores[rows, columns] > EPSILON
    matches = np.zeros(iou.shape[1], dtype=bool)
    matches[columns[is_matched]] = is_distractor[rows[is_matched]]
    return matches


def share_inside(
    boxes: Float[np.ndarray, "A 4"], regions: Float[np.ndarray, "R 4"]
) -> Float[np.ndarray, "A R"]:
    """Share of each xyxy box that lies in each region, [0, 1]; 0 for boxes without area."""
    low = np.maximum(boxes[:, None, :2], regions[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], regions[None, :, 2:])
    common = np.maximum(high - low, 0).prod(-1)
    area = (boxes[:, 2:] - boxes[:, :2]).prod(-1)[:, None]
    share = np.zeros(common.shape)
    np.divide(common, area, out=share, where=np.broadcast_to(area > 0, common.shape))
    return share


def pairwise_iou(
    first: Float[np.ndarray, "A 4"], second: Float[np.ndarray, "E 4"]
) -> Float[np.ndarray, "A E"]:
    """Intersection over union of every pair of xyxy boxes, [0, 1]; 0 for boxes without area.

    In 64 bits without torch: TrackEval's thresholds lie at exact values that small boxes hit.
    """
    left, top, right, bottom = first.astype(np.float64).T[:, :, None]
    left_, top_, right_, bottom_ = second.astype(np.float64).T[:, None, :]
    width = np.minimum(right, right_) - np.maximum(left, left_)
    height = np.minimum(bottom, bottom_) - np.maximum(top, top_)
    intersection = np.maximum(width, 0) * np.maximum(height, 0)
    first_area = (right - left) * (bottom - top)
    second_area = (right_ - left_) * (bottom_ - top_)
    union = first_area + second_area - intersection
    has_area = (first_area > 0) & (second_area > 0)
    iou = np.zeros(union.shape)
    np.divide(intersection, union, out=iou, where=has_area)
    return iou


def _numbered_from_zero(ids: Sequence[np.ndarray]) -> tuple[list[np.ndarray], np.ndarray]:
    """The same ids as places in the sorted list of all that occur, and that list."""
    distinct, places = np.unique(np.concatenate(ids), return_inverse=True)
    ends = np.cumsum([len(frame_ids) for frame_ids in ids])
    return np.split(places, ends[:-1]), distinct


def _occurrences(places: Sequence[np.ndarray], num_places: int) -> Int[np.ndarray, " places"]:
    return np.bincount(np.concatenate(places), minlength=num_places)
