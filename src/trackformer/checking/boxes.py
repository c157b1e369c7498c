"""Checks of where boxes are and how large."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from trackformer.checking.records import Finding, Inspected, Place, Severity, frame_place
from trackformer.data.annotations import AnnotatedFrame, AnnotatedSequence
from trackformer.evaluation.metrics.motchallenge import pairwise_iou, share_inside

MIN_SIDE = 2.0
"""Pixels; a box narrower than this shows nothing."""
HUGE_SHARE = 0.95
"""Of the image's area."""
SAME_IOU = 0.95
"""Two boxes of one class that overlap more are probably one object, annotated twice."""
MIN_INSIDE = 0.25
"""Share of a box in the image below which there is little to see."""
REACHING_OUT = 0.3
"""Share of the boxes of a sequence; people at the border reach out, too, but not with all sizes
larger than their distance from the other border."""
MAX_NORMALISED = 1.5
"""Corners that are all below this are shares of the image, not pixels."""

Selection = Callable[[AnnotatedSequence, AnnotatedFrame], Bool[np.ndarray, " G"]]


@dataclass(frozen=True, slots=True)
class BoxRule:
    """One thing that a box should not be."""

    check: str
    severity: Severity
    what: str
    remedy: str
    is_bad: Selection


def _is_outside(sequence: AnnotatedSequence, frame: AnnotatedFrame) -> Bool[np.ndarray, " G"]:
    return _inside(sequence, frame) <= 0


def _is_mostly_outside(
    sequence: AnnotatedSequence, frame: AnnotatedFrame
) -> Bool[np.ndarray, " G"]:
    inside = _inside(sequence, frame)
    return (inside > 0) & (inside < MIN_INSIDE)


def _is_larger_than_image(
    sequence: AnnotatedSequence, frame: AnnotatedFrame
) -> Bool[np.ndarray, " G"]:
    return _share_of_image(sequence, frame) > 1


def _is_huge(sequence: AnnotatedSequence, frame: AnnotatedFrame) -> Bool[np.ndarray, " G"]:
    share = _share_of_image(sequence, frame)
    return (share > HUGE_SHARE) & (share <= 1)


def _is_flat(_sequence: AnnotatedSequence, frame: AnnotatedFrame) -> Bool[np.ndarray, " G"]:
    sizes = frame.boxes_xyxy[:, 2:] - frame.boxes_xyxy[:, :2]
    return np.asarray((sizes < MIN_SIDE).any(axis=1))


def _is_twice(_sequence: AnnotatedSequence, frame: AnnotatedFrame) -> Bool[np.ndarray, " G"]:
    overlap = pairwise_iou(frame.boxes_xyxy, frame.boxes_xyxy)
    same = frame.labels[:, None] == frame.labels[None]
    # Only the later of two is named.
    return np.asarray(np.tril((overlap > SAME_IOU) & same, k=-1).any(axis=1))


RULES = (
    BoxRule(
        "outside-image",
        "error",
        "boxes lie wholly outside the image",
        "remove them: they can never be found, and count as missed",
        _is_outside,
    ),
    BoxRule(
        "larger-than-image",
        "error",
        "boxes are larger than the image",
        "check the corners, and that boxes and images have the same scale",
        _is_larger_than_image,
    ),
    BoxRule(
        "huge",
        "warning",
        f"boxes cover more than {HUGE_SHARE:.0%} of the image",
        "check that they are not the frame's border or a mistyped number",
        _is_huge,
    ),
    BoxRule(
        "degenerate",
        "warning",
        f"boxes are less than {MIN_SIDE:g} pixels wide or high",
        "remove them, or annotate them as regions to ignore",
        _is_flat,
    ),
    BoxRule(
        "annotated-twice",
        "warning",
        f"boxes overlap another of their class by more than {SAME_IOU:.0%}",
        "remove one of the two, unless one object really hides another",
        _is_twice,
    ),
    BoxRule(
        "mostly-outside",
        "note",
        f"boxes have less than {MIN_INSIDE:.0%} inside the image",
        "nothing, if whole objects are annotated; they are not asked of the model",
        _is_mostly_outside,
    ),
)


def check_boxes(inspected: Inspected) -> Iterator[Finding]:
    """One finding for each rule that a box breaks."""
    total = sum(
        len(frame.boxes_xyxy) for sequence in inspected.data.sequences for frame in sequence.frames
    )
    for rule in RULES:
        places = tuple(_places(inspected, rule.is_bad))
        if places:
            what = f"{len(places)} of {total} {rule.what}"
            yield Finding(rule.check, rule.severity, what, rule.remedy, places)


def check_normalised(inspected: Inspected) -> Iterator[Finding]:
    """Whether pixels were expected and shares of the image found."""
    places = []
    for sequence in inspected.data.sequences:
        boxes = [frame.boxes_xyxy for frame in sequence.frames if len(frame.boxes_xyxy)]
        if boxes and np.concatenate(boxes).max() <= MAX_NORMALISED:
            places.append(Place(str(sequence.annotation_path or sequence.name), sequence.name))
    if places:
        what = f"{len(places)} sequences have no corner beyond {MAX_NORMALISED:g} pixels"
        remedy = "multiply by the image's width and height: these look like shares of the image"
        yield Finding("normalised", "error", what, remedy, tuple(places))


def check_corners(inspected: Inspected) -> Iterator[Finding]:
    """Whether the right and bottom sides stand where width and height belong."""
    places = tuple(
        Place(str(sequence.annotation_path or sequence.name), sequence.name)
        for sequence in inspected.data.sequences
        if _has_corners_as_sizes(sequence)
    )
    if places:
        what = f"{len(places)} sequences seem to have the right and bottom side as width and height"
        remedy = "subtract left and top: then all boxes lie in the image, which they now leave"
        yield Finding("corners-as-sizes", "error", what, remedy, places)


def _has_corners_as_sizes(sequence: AnnotatedSequence) -> bool:
    """Whether boxes reach far out of the image, and none would if its size were a corner."""
    boxes = [frame.boxes_xyxy for frame in sequence.frames if len(frame.boxes_xyxy)]
    if sequence.image_size is None or not boxes:
        return False
    height, width = sequence.image_size
    all_boxes = np.concatenate(boxes)
    low, size = all_boxes[:, :2], all_boxes[:, 2:] - all_boxes[:, :2]
    # Files that count from 1 are a pixel off.
    is_corner = ((size > low) & (size <= (width + 1, height + 1))).all(axis=1)
    reaches_out = (all_boxes[:, 2:] > 1.1 * np.array([width, height])).any(axis=1)
    return bool(is_corner.all() and reaches_out.mean() >= REACHING_OUT)


def _places(inspected: Inspected, is_bad: Selection) -> Iterator[Place]:
    for sequence in inspected.data.sequences:
        for frame in sequence.frames:
            for row in np.flatnonzero(is_bad(sequence, frame)) if len(frame.boxes_xyxy) else ():
                yield frame_place(sequence, frame, int(frame.track_ids[row]))


def _inside(sequence: AnnotatedSequence, frame: AnnotatedFrame) -> np.ndarray:
    """Share of each box inside the image; 1 where nobody knows the image's size."""
    if sequence.image_size is None:
        return np.ones(len(frame.boxes_xyxy))
    height, width = sequence.image_size
    image = np.array([[0.0, 0.0, width, height]])
    return share_inside(frame.boxes_xyxy, image)[:, 0]


def _share_of_image(sequence: AnnotatedSequence, frame: AnnotatedFrame) -> np.ndarray:
    """Area of each box in areas of the image; 0 where nobody knows the image's size."""
    if sequence.image_size is None:
        return np.zeros(len(frame.boxes_xyxy))
    sizes = frame.boxes_xyxy[:, 2:] - frame.boxes_xyxy[:, :2]
    return np.asarray(sizes.prod(axis=1) / np.prod(sequence.image_size))
