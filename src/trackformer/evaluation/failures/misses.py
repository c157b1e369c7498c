"""When an object that is there has no result, and why: CLEAR's misses, joined to runs of frames."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from jaxtyping import Int

from trackformer.data.annotations import AnnotatedFrame, AnnotatedSequence
from trackformer.evaluation.failures.costs import box_cost, miss_cost
from trackformer.evaluation.failures.object_history import (
    crowded_share,
    lies_outside,
    touches_border,
)
from trackformer.evaluation.metrics.clear import NEVER
from trackformer.evaluation.metrics.coco import SMALL_AREA
from trackformer.evaluation.metrics.tracking import MatchedSequence

MissCause = Literal[
    "hidden", "border", "small", "loose", "crowd", "stolen", "never found", "late", "lost"
]
"""The first of these that applies; the first five to at least half of the boxes missed in a row:

hidden       less than a quarter of it was visible
border       its box touched the border of the image, or its centre lay outside
small        its box had less than 32 x 32 pixels
loose        a result that belongs to nobody lay on it, at an IoU from 0.25 to 0.5
crowd        the box of another object covered at least a quarter of its box
stolen       the track it had before was matched to another object meanwhile
never found  it is matched in no frame of the video
late         it had not been matched yet
lost         it had been matched before
"""
BOX_CAUSES: Final[tuple[MissCause, ...]] = ("hidden", "border", "small", "loose", "crowd")
"""Those that each missed box has or has not."""
LEAST_VISIBLE = 0.25
LOOSE_IOU = 0.25
CROWDED = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Miss:
    """Consecutive frames in which one object is not matched; ids and frames from 1, as in files."""

    sequence: str
    object_id: int
    frame: int
    """The first of them."""
    last_frame: int
    last_matched_frame: int | None
    """The last one before; None where there is none."""
    old_track: int | None
    """The track it was matched with then."""
    new_track: int | None
    """The track it is matched with the next time; None if it never is."""
    cause: MissCause
    cost: float
    """Of its missed boxes (`costs`)."""


def find_misses(sequence: AnnotatedSequence, matched: MatchedSequence) -> tuple[Miss, ...]:
    """The misses of a sequence, object by object."""
    trajectories = _trajectories(matched)
    found: list[Miss] = []
    for place, boxes in _missed_boxes(sequence, matched).items():
        object_id = int(matched.counted.object_ids[place])
        for run in _runs(boxes):
            found.append(_miss(sequence.name, object_id, run, trajectories[place]))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _MissedBox:
    frame: int
    visible: float
    causes: frozenset[MissCause]
    owner: dict[int, int]
    """The object that each track of this frame is matched to, by the ids of the files."""


@dataclass(frozen=True, slots=True, eq=False)
class _Trajectory:
    """When one object is matched, and with which track."""

    object_id: int
    frames: Int[np.ndarray, " P"]
    tracks: Int[np.ndarray, " P"]


def _trajectories(matched: MatchedSequence) -> list[_Trajectory]:
    pairs, counted = matched.clear.pairs, matched.counted
    trajectories = []
    for place, object_id in enumerate(counted.object_ids.tolist()):
        own = pairs.objects == place
        tracks = counted.track_ids[pairs.tracks[own]]
        trajectories.append(_Trajectory(object_id, pairs.frames[own], tracks))
    return trajectories


def _missed_boxes(
    sequence: AnnotatedSequence, matched: MatchedSequence
) -> dict[int, list[_MissedBox]]:
    """By the object's place, in the order of the frames."""
    pairs, counted = matched.clear.pairs, matched.counted
    missed: dict[int, list[_MissedBox]] = defaultdict(list)
    ends = np.searchsorted(pairs.frames, np.arange(len(counted.frames) + 1))
    for frame, content, first, end in zip(
        sequence.frames, counted.frames, ends[:-1], ends[1:], strict=True
    ):
        rows, tracks = pairs.rows[first:end], pairs.tracks[first:end]
        owner = dict(
            zip(
                counted.track_ids[tracks].tolist(),
                counted.object_ids[pairs.objects[first:end]].tolist(),
                strict=True,
            )
        )
        is_free = ~np.isin(content.tracks, tracks)
        for row in np.setdiff1d(np.arange(len(content.objects)), rows).tolist():
            closest = float(content.iou[row, is_free].max(initial=0.0))
            visible = box_cost(frame, row)
            causes = frozenset(_box_causes(frame, row, sequence.image_size, visible, closest))
            missed[int(content.objects[row])].append(
                _MissedBox(frame.frame_index, visible, causes, owner)
            )
    return missed


def _box_causes(
    frame: AnnotatedFrame,
    row: int,
    image_size: tuple[int, int] | None,
    visible: float,
    closest: float,
) -> Iterator[MissCause]:
    """All that apply to one missed box; `closest` is its IoU with the best result of nobody."""
    box = frame.boxes_xyxy[row]
    if visible < LEAST_VISIBLE:
        yield "hidden"
    if image_size is not None and (
        touches_border(box, image_size) or lies_outside(box, image_size)
    ):
        yield "border"
    if (box[2:] - box[:2]).prod() < SMALL_AREA:
        yield "small"
    if closest >= LOOSE_IOU:
        yield "loose"
    if crowded_share(frame, row) >= CROWDED:
        yield "crowd"


def _runs(boxes: Sequence[_MissedBox]) -> list[list[_MissedBox]]:
    """Boxes of frames that follow each other."""
    runs: list[list[_MissedBox]] = []
    for box in boxes:
        if runs and runs[-1][-1].frame == box.frame - 1:
            runs[-1].append(box)
        else:
            runs.append([box])
    return runs


def _miss(sequence: str, object_id: int, run: Sequence[_MissedBox], seen: _Trajectory) -> Miss:
    first, last = run[0].frame, run[-1].frame
    next_place = int(np.searchsorted(seen.frames, first))
    before, old_track = NEVER, None
    if next_place:
        before, old_track = int(seen.frames[next_place - 1]), int(seen.tracks[next_place - 1])
    new_track = int(seen.tracks[next_place]) if next_place < len(seen.tracks) else None
    return Miss(
        sequence=sequence,
        object_id=object_id,
        frame=first + 1,
        last_frame=last + 1,
        last_matched_frame=None if old_track is None else before + 1,
        old_track=old_track,
        new_track=new_track,
        cause=_cause(run, object_id, old_track, new_track),
        cost=miss_cost(box.visible for box in run),
    )


def _cause(
    run: Sequence[_MissedBox], object_id: int, old_track: int | None, new_track: int | None
) -> MissCause:
    counts = Counter(cause for box in run for cause in box.causes)
    for cause in BOX_CAUSES:
        if 2 * counts[cause] >= len(run):
            return cause
    if old_track is None:
        return "never found" if new_track is None else "late"
    if any(box.owner.get(old_track, object_id) != object_id for box in run):
        return "stolen"
    return "lost"
