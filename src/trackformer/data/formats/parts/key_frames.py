"""Which boxes of a track say all the others, where a tool moves a box evenly between two."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Int

from trackformer.data.annotations import AnnotatedFrame, AnnotatedSequence
from trackformer.data.formats.parts.assembly import Entry

FIRST_REACH: Final = 16
"""So many frames ahead a next key frame is looked for at first; further where all are good."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """One object in consecutive frames, under one label."""

    track_id: int
    label: int
    places: tuple[tuple[AnnotatedFrame, int], ...]
    """Each frame, and the object's row in it."""

    def boxes(self) -> Float[np.ndarray, "F 4"]:
        """Left, top, right, bottom in pixels."""
        return np.stack([frame.boxes_xyxy[row] for frame, row in self.places])

    def key_places(self, least_iou: float) -> list[tuple[AnnotatedFrame, int]]:
        """The places of `key_frames`; all of them where nothing may be lost."""
        if least_iou >= 1:
            return list(self.places)
        return [self.places[at] for at in key_frames(self.boxes(), least_iou)]


def stretches_of(sequence: AnnotatedSequence) -> Iterator[Stretch]:
    """All objects of a video in order of track id, label and time; a gap begins a new stretch."""
    rows_of: dict[tuple[int, int], list[tuple[AnnotatedFrame, int]]] = defaultdict(list)
    for frame in sequence.frames:
        for row in range(len(frame.track_ids)):
            rows_of[int(frame.track_ids[row]), int(frame.labels[row])].append((frame, row))
    for (track_id, label), places in sorted(rows_of.items(), key=lambda item: item[0]):
        start = 0
        for at in range(1, len(places) + 1):
            is_gap = (
                at == len(places) or places[at][0].frame_index != places[at - 1][0].frame_index + 1
            )
            if is_gap:
                yield Stretch(track_id, label, tuple(places[start:at]))
                start = at


def key_frames(boxes_xyxy: Float[np.ndarray, "F 4"], least_iou: float) -> Int[np.ndarray, " K"]:
    """The fewest rows, first and last among them, between which even motion says all the others.

    Among choices of equally many, one that is closest to the boxes: a shortest path from the first
    frame to the last, each step a pair of frames between which every moved box is good.

    Args:
        boxes_xyxy: An object in F consecutive frames.
        least_iou: Each moved box overlaps the one it stands for at least so much, [0, 1].
    """
    num_frames = len(boxes_xyxy)
    cost = np.full(num_frames, np.inf)
    cost[0] = 0.0
    before = np.zeros(num_frames, dtype=np.int64)
    for start in range(num_frames - 1):
        is_good, loss = _reachable(boxes_xyxy[start:], least_iou)
        # A loss is below 1 a frame, so that no saving of loss is worth a key frame.
        reached = cost[start] + np.where(is_good, 1 + loss / num_frames, np.inf)
        ends = slice(start + 1, start + 1 + len(reached))
        is_better = reached < cost[ends]
        cost[ends] = np.where(is_better, reached, cost[ends])
        before[ends] = np.where(is_better, start, before[ends])
    chosen = [num_frames - 1]
    while chosen[-1] > 0:
        chosen.append(int(before[chosen[-1]]))
    return np.array(chosen[::-1])


def boxes_between(before: Entry, after: Entry) -> Iterator[Entry]:
    """The inverse: an object in the frames between two key frames, its box moved evenly."""
    gap = after.frame_index - before.frame_index
    for step in range(1, gap):
        share = step / gap
        left, top, right, bottom = (
            (1 - share) * start + share * end
            for start, end in zip(before.box_xyxy, after.box_xyxy, strict=True)
        )
        yield replace(
            before,
            frame_index=before.frame_index + step,
            box_xyxy=(left, top, right, bottom),
            segmentation=None,
        )


def _reachable(
    boxes_xyxy: Float[np.ndarray, "F 4"], least_iou: float
) -> tuple[Bool[np.ndarray, " E"], Float[np.ndarray, " E"]]:
    """Which of the E frames behind the first may be the next key frame, and what it would lose."""
    reach = FIRST_REACH
    while True:
        is_good, loss = _losses(boxes_xyxy[: reach + 1], least_iou)
        is_end = reach + 1 >= len(boxes_xyxy)
        if is_end or not is_good[len(is_good) // 2 :].any():
            return is_good, loss
        reach *= 2


def _losses(
    boxes_xyxy: Float[np.ndarray, "F 4"], least_iou: float
) -> tuple[Bool[np.ndarray, " E"], Float[np.ndarray, " E"]]:
    """For every end behind the first frame: are all moved boxes good, and the sum of 1 - IoU."""
    num_ends = len(boxes_xyxy) - 1
    ends = np.arange(1, num_ends + 1)
    times = np.arange(num_ends)
    # Row: where the motion ends; column: a frame on the way.
    share = (times[None] / ends[:, None])[..., None]
    moved = (1 - share) * boxes_xyxy[0] + share * boxes_xyxy[ends][:, None]
    is_between = times[None] < ends[:, None]
    iou = np.where(is_between, _iou(moved, boxes_xyxy[:-1][None]), 1.0)
    return np.asarray((iou >= least_iou).all(1)), np.asarray((1 - iou).sum(1))


def _iou(
    first: Float[np.ndarray, "E F 4"], second: Float[np.ndarray, "1 F 4"]
) -> Float[np.ndarray, "E F"]:
    low, high = (
        np.maximum(first[..., :2], second[..., :2]),
        np.minimum(first[..., 2:], second[..., 2:]),
    )
    shared = np.prod(np.clip(high - low, 0, None), axis=-1)
    areas = np.prod(first[..., 2:] - first[..., :2], -1) + np.prod(
        second[..., 2:] - second[..., :2], -1
    )
    return np.asarray(shared / (areas - shared))
