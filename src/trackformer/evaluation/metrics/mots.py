"""Which masks MOTS counts, and what overlaps what; the metrics are those of boxes.

The rules are those of `trackeval.datasets.MOTSChallenge` and `KittiMOTS`, applied to records in
memory. With masks, CLEAR's MOTA is called MOTSA, and sMOTSA counts a pair by its overlap.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from jaxtyping import Bool, Float
from scipy.optimize import linear_sum_assignment

from trackformer.data.annotations import AnnotatedData, AnnotatedFrame, AnnotatedSequence
from trackformer.data.formats.mot.mots import CLASS_IDS, MotsFrame
from trackformer.data.formats.mot.mots_rows import as_coco
from trackformer.data.masks import RunLengths, Segmentation
from trackformer.errors import DataError
from trackformer.evaluation.metrics.matches import EPSILON
from trackformer.evaluation.metrics.motchallenge import (
    MATCHING_IOU,
    CountedFrame,
    CountedSequence,
    with_places,
)
from trackformer.evaluation.metrics.tracking import EvaluationTable, match_counted, score_table

FORGIVEN_SHARE: Final = 0.5
"""A result of no object is dropped if more of it than this lies inside ignore regions."""


def evaluate_masks(
    ground_truth: AnnotatedData, results: Mapping[str, Sequence[MotsFrame]]
) -> EvaluationTable:
    """Score tracked masks; with several classes, each has a row of its own in every sequence.

    Args:
        ground_truth: Videos from `read_mots`.
        results: By name of the sequence. A sequence may have no frames in it, but must be named.

    Raises:
        DataError: A sequence has no results, or they do not fit it.
    """
    missing = [entry.name for entry in ground_truth.sequences if entry.name not in results]
    if missing or not ground_truth.sequences:
        raise DataError(f"expected results of every sequence, got none of {', '.join(missing)}")
    is_only = len(ground_truth.class_names) == 1
    matched = [
        match_counted(
            counted_masks(
                sequence,
                results[sequence.name],
                label,
                CLASS_IDS[class_name],
                sequence.name if is_only else f"{sequence.name} {class_name}",
            )
        )
        for sequence in ground_truth.sequences
        for label, class_name in enumerate(ground_truth.class_names)
    ]
    table = score_table(matched)
    return EvaluationTable(table.sequences, table.combined, overlap="masks")


def counted_masks(
    sequence: AnnotatedSequence,
    results: Sequence[MotsFrame],
    label: int,
    class_id: int,
    name: str,
) -> CountedSequence:
    """Join the annotations of one class with its results and drop what is not counted.

    Args:
        sequence: From `read_mots`.
        results: Frames without results may be left out.
        label: Of the class in the annotations.
        class_id: Of the class in the results.
        name: Of the row.

    Raises:
        DataError: There are no frames, or results lie beyond the last one, or on images of another
            size.
    """
    if not sequence.frames:
        raise DataError(f"{sequence.name}: expected at least one frame, got none")
    by_frame = {frame.frame_index: frame for frame in results}
    last = max(by_frame, default=0)
    if last >= len(sequence.frames):
        raise DataError(
            f"results of {sequence.name}: expected {len(sequence.frames)} frames, got frame "
            f"{last + 1}"
        )
    return with_places(
        name,
        [
            _counted_frame(sequence, frame, by_frame.get(frame.frame_index), label, class_id)
            for frame in sequence.frames
        ],
    )


def _counted_frame(
    sequence: AnnotatedSequence,
    frame: AnnotatedFrame,
    result: MotsFrame | None,
    label: int,
    class_id: int,
) -> CountedFrame:
    """Drop the results that match no object and lie in ignore regions."""
    is_of_class = frame.labels == label
    objects = [_runs(each) for each in np.array(frame.segmentations, dtype=object)[is_of_class]]
    object_ids = frame.track_ids[is_of_class]
    if result is None:
        none = np.zeros(0, dtype=np.int64)
        return CountedFrame(object_ids, none, np.zeros((len(objects), 0)))
    rows = np.flatnonzero(result.class_ids == class_id)
    masks = [result.outlines[row] for row in rows]
    _check_sizes(sequence, frame, masks)
    iou = mask_iou(objects, masks)
    regions = [_runs(each) for each in frame.ignore_segmentations]
    keep = _is_matched(iou) | (_share_inside(masks, regions) <= FORGIVEN_SHARE + EPSILON)
    return CountedFrame(object_ids, result.track_ids[rows][keep], iou[:, keep])


def mask_iou(first: Sequence[RunLengths], second: Sequence[RunLengths]) -> Float[np.ndarray, "A E"]:
    """Intersection over union of every pair of masks, [0, 1]."""
    return _overlap(first, second, of_first_alone=False)


def _share_inside(
    masks: Sequence[RunLengths], regions: Sequence[RunLengths]
) -> Float[np.ndarray, " A"]:
    """Share of each mask that lies in any of the regions."""
    from pycocotools import mask as coco_mask  # type: ignore[import-untyped]

    if not masks or not regions:
        return np.zeros(len(masks))
    whole = coco_mask.merge([as_coco(region) for region in regions])
    merged = RunLengths(whole["counts"].decode(), regions[0].image_size)
    return _overlap(masks, [merged], of_first_alone=True)[:, 0]


def _overlap(
    first: Sequence[RunLengths], second: Sequence[RunLengths], *, of_first_alone: bool
) -> Float[np.ndarray, "A E"]:
    """Intersection over the union, or over the first mask's area."""
    from pycocotools import mask as coco_mask

    if not first or not second:
        return np.zeros((len(first), len(second)))
    return np.asarray(
        coco_mask.iou(
            [as_coco(each) for each in first],
            [as_coco(each) for each in second],
            [of_first_alone] * len(second),
        )
    )


def _is_matched(iou: Float[np.ndarray, "A N"]) -> Bool[np.ndarray, " N"]:
    """Whether each result belongs to an object, in the best matching from IoU 0.5 on."""
    # Too little overlap is worse than none: as many pairs as possible, as in TrackEval.
    scores = np.where(iou < MATCHING_IOU - EPSILON, -10000.0, iou)
    rows, columns = linear_sum_assignment(-scores)
    matched = np.zeros(iou.shape[1], dtype=bool)
    matched[columns[scores[rows, columns] > EPSILON]] = True
    return matched


def _check_sizes(
    sequence: AnnotatedSequence, frame: AnnotatedFrame, masks: Sequence[RunLengths]
) -> None:
    for mask in masks:
        if sequence.image_size is not None and mask.image_size != sequence.image_size:
            raise DataError(
                f"results of {sequence.name}, frame {frame.frame_index + 1}: expected masks of "
                f"(height, width) {sequence.image_size}, got {mask.image_size}"
            )


def _runs(outline: Segmentation | None) -> RunLengths:
    assert isinstance(outline, RunLengths), "masks of MOTS files are run lengths"
    return outline
