"""Which frames show a failure best, and where its object is in them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float, Int

from trackformer.data.annotations import AnnotatedSequence
from trackformer.evaluation.failures.find import Failure
from trackformer.evaluation.failures.object_history import hidden_share, row_of

LEAD_SECONDS: Final = 1 / 3
"""How far a strip looks back and ahead."""
LEAD_FRAMES: Final = 5
"""The same where the data do not tell the frame rate."""


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """One picture of a strip."""

    frame_index: int
    """0-based."""
    box_xyxy: Float[np.ndarray, " 4"]
    """The object's; where it is not annotated, evenly between those before and after."""
    visible: float | None
    """Share of the object, [0, 1]; None where it is not annotated."""
    is_failure: bool
    """The object is missed here, or has its new track."""


def moments_of(failure: Failure, sequence: AnnotatedSequence) -> tuple[Moment, ...]:
    """Four to six frames before, at and after a failure in which its object is, or is between."""
    annotated = np.array(
        [frame.frame_index for frame in sequence.frames if failure.object_id in frame.track_ids]
    )
    rate = sequence.frame_rate
    lead = LEAD_FRAMES if rate is None else max(1, round(rate * LEAD_SECONDS))
    asked = _switch_frames(failure, lead) if failure.kind == "switch" else _miss_frames(failure)
    frames = sorted({frame for frame in asked if annotated[0] <= frame <= annotated[-1]})
    return tuple(_moment(failure, sequence, annotated, frame) for frame in frames)


def _switch_frames(failure: Failure, lead: int) -> Iterable[int]:
    assert failure.last_matched_frame is not None
    before, at = failure.last_matched_frame - 1, failure.frame - 1
    return before - lead, before, (before + at) // 2, at, at + lead, at + 2 * lead


def _miss_frames(failure: Failure) -> Iterable[int]:
    first, last = failure.frame - 1, failure.last_frame - 1
    third = (last - first) // 3
    return first - 1, first, first + third, last - third, last, last + 1


def _moment(
    failure: Failure, sequence: AnnotatedSequence, annotated: Int[np.ndarray, " A"], frame: int
) -> Moment:
    row = row_of(sequence.frames[frame], failure.object_id)
    if row is not None:
        box = sequence.frames[frame].boxes_xyxy[row]
        visible = 1 - hidden_share(sequence.frames[frame], row)
    else:
        place = int(np.searchsorted(annotated, frame))
        before, after = int(annotated[place - 1]), int(annotated[place])
        share = (frame - before) / (after - before)
        first, second = (_box(sequence, index, failure.object_id) for index in (before, after))
        box, visible = (1 - share) * first + share * second, None
    is_over = failure.kind == "miss" and frame >= failure.last_frame
    return Moment(frame, box, visible, frame >= failure.frame - 1 and not is_over)


def _box(sequence: AnnotatedSequence, index: int, object_id: int) -> Float[np.ndarray, " 4"]:
    frame = sequence.frames[index]
    return np.asarray(frame.boxes_xyxy[row_of(frame, object_id)])
