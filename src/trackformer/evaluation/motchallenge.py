"""Which boxes MOTChallenge counts, and the arrays that TrackEval's metrics are computed from.

The rules are those of `trackeval.datasets.MotChallenge2DBox`, applied to records in memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.optimize import linear_sum_assignment

from trackformer.data.annotations import AnnotatedFrame, AnnotatedSequence
from trackformer.data.results import ResultFrame
from trackformer.errors import DataError

MATCHING_IOU = 0.5
"""A result belongs to a distractor from this IoU on."""


class MetricInput(TypedDict):
    """What `eval_sequence` of TrackEval's metrics reads, by TrackEval's names."""

    gt_ids: list[np.ndarray]
    tracker_ids: list[np.ndarray]
    similarity_scores: list[np.ndarray]
    num_timesteps: int
    num_gt_dets: int
    num_tracker_dets: int
    num_gt_ids: int
    num_tracker_ids: int


@dataclass(frozen=True, slots=True, eq=False)
class CountedFrame:
    """The objects and results of one frame that enter the metrics."""

    object_ids: Int[np.ndarray, " G"]
    result_ids: Int[np.ndarray, " N"]
    iou: Float[np.ndarray, "G N"]


def metric_input(sequence: AnnotatedSequence, results: Sequence[ResultFrame]) -> MetricInput:
    """Join the annotations of a sequence with results and drop what is not counted.

    Raises:
        DataError: There are no frames, or results lie beyond the last one, lack ids, or repeat one
            within a frame.
    """
    if not sequence.frames:
        raise DataError(f"{sequence.name}: expected at least one frame, got none")
    result_by_frame = _checked_results(sequence, results)
    counted = [
        _counted_frame(frame, result_by_frame[frame.frame_index])
        if frame.frame_index in result_by_frame
        else _frame_without_results(frame)
        for frame in sequence.frames
    ]
    object_ids, num_object_ids = _numbered_from_zero([frame.object_ids for frame in counted])
    result_ids, num_result_ids = _numbered_from_zero([frame.result_ids for frame in counted])
    return {
        "gt_ids": object_ids,
        "tracker_ids": result_ids,
        "similarity_scores": [frame.iou for frame in counted],
        "num_timesteps": len(counted),
        "num_gt_dets": sum(len(ids) for ids in object_ids),
        "num_tracker_dets": sum(len(ids) for ids in result_ids),
        "num_gt_ids": num_object_ids,
        "num_tracker_ids": num_result_ids,
    }


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
    annotated_xyxy = np.concatenate(
        [frame.boxes_xyxy, frame.ignore_boxes_xyxy, frame.other_boxes_xyxy]
    )
    is_distractor = np.zeros(len(annotated_xyxy), dtype=bool)
    first, behind = len(frame.boxes_xyxy), len(frame.boxes_xyxy) + len(frame.ignore_boxes_xyxy)
    is_distractor[first:behind] = frame.ignore_is_distractor
    iou = pairwise_iou(annotated_xyxy, result.boxes_xyxy)
    keep = ~_matches_distractor(iou, is_distractor)
    return CountedFrame(frame.track_ids, result.track_ids[keep], iou[:first, keep])


def _frame_without_results(frame: AnnotatedFrame) -> CountedFrame:
    none = np.zeros(0, dtype=np.int64)
    return CountedFrame(frame.track_ids, none, np.zeros((len(frame.track_ids), 0)))


def _matches_distractor(
    iou: Float[np.ndarray, "A N"], is_distractor: Bool[np.ndarray, " A"]
) -> Bool[np.ndarray, " N"]:
    """Whether each result's partner, in the best matching with all that is annotated, is one."""
    epsilon = np.finfo(np.float64).eps
    scores = np.where(iou < MATCHING_IOU - epsilon, 0.0, iou)
    rows, columns = linear_sum_assignment(-scores)
    is_matched = scores[rows, columns] > epsilon
    matches = np.zeros(iou.shape[1], dtype=bool)
    matches[columns[is_matched]] = is_distractor[rows[is_matched]]
    return matches


def pairwise_iou(
    first: Float[np.ndarray, "A 4"], second: Float[np.ndarray, "E 4"]
) -> Float[np.ndarray, "A E"]:
    """Intersection over union of every pair of xyxy boxes, [0, 1]; 0 for boxes without area.

    In 64 bits without torch: TrackEval's thresholds lie at exact values that small boxes hit.
    """
    first, second = first.astype(np.float64), second.astype(np.float64)
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    intersection = np.maximum(high - low, 0).prod(-1)
    first_area = (first[:, 2:] - first[:, :2]).prod(-1)
    second_area = (second[:, 2:] - second[:, :2]).prod(-1)
    union = first_area[:, None] + second_area[None] - intersection
    has_area = (first_area > 0)[:, None] & (second_area > 0)[None]
    iou = np.zeros(union.shape)
    np.divide(intersection, union, out=iou, where=has_area)
    return iou


def _numbered_from_zero(ids: Sequence[np.ndarray]) -> tuple[list[np.ndarray], int]:
    """The same ids as places in the sorted list of all that occur, and how many occur."""
    distinct, places = np.unique(np.concatenate(ids), return_inverse=True)
    ends = np.cumsum([len(frame_ids) for frame_ids in ids])
    return np.split(places, ends[:-1]), len(distinct)
