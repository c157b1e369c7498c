"""How the boxes of any format, one by one, become the frames of a sequence."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TypeAlias

import numpy as np
from jaxtyping import Float

from trackformer.data.annotations import AnnotatedFrame
from trackformer.data.formats.limits.numbers import MAX_COORDINATE, MAX_ID
from trackformer.data.formats.parts.malformed import MalformedError, Mistake, Report
from trackformer.data.masks import Segmentation

Number: TypeAlias = float | int
Corners: TypeAlias = tuple[Number, Number, Number, Number]
"""Left, top, right, bottom in 0-based pixels."""
NO_ID = -1


class Kind(Enum):
    """What a box stands for; see `AnnotatedFrame`."""

    OBJECT = 1
    IGNORED = 2
    DISTRACTOR = 3
    OTHER = 4


@dataclass(frozen=True, slots=True)
class Entry:
    """One box as a file has it, not yet checked."""

    where: str
    """File with line, frame or annotation id, for messages."""
    frame_index: int
    box_xyxy: Corners
    kind: Kind = Kind.OBJECT
    label: int = 0
    track_id: int = NO_ID
    visibility: float = 1.0
    visible_box_xyxy: Corners | None = None
    segmentation: Segmentation | None = None
    score: float | None = None
    is_filled: bool = False


def score_of(value: object) -> float | None:
    """A score of a file, where it is one: other programs use the word for other numbers, too.

    >>> score_of(0.5), score_of(17), score_of(None)
    (0.5, None, None)
    """
    if not isinstance(value, int | float) or not 0 <= value <= 1:
        return None
    return float(value)


def assemble_frames(
    entries: Iterable[Entry], image_paths: Sequence[Path | None], report: Report
) -> tuple[AnnotatedFrame, ...]:
    """One record for each image path, also where nothing is annotated.

    Reported and left out: boxes without area, ids below 0 or twice in a frame, visibilities outside
    [0, 1] and frames after the last.
    """
    kept: dict[int, list[Entry]] = defaultdict(list)
    taken: set[tuple[int, int]] = set()
    for entry in entries:
        error = _mistake(entry, len(image_paths), taken)
        if error is not None:
            report(error)
            continue
        kept[entry.frame_index].append(entry)
        if entry.kind is Kind.OBJECT:
            taken.add((entry.frame_index, entry.track_id))
    return tuple(
        assemble_frame(index, path, kept.get(index, ())) for index, path in enumerate(image_paths)
    )


def assemble_frame(
    frame_index: int, image_path: Path | None, entries: Sequence[Entry]
) -> AnnotatedFrame:
    """Checked boxes of one frame as arrays, in their order."""
    objects = [entry for entry in entries if entry.kind is Kind.OBJECT]
    ignored = [entry for entry in entries if entry.kind in (Kind.IGNORED, Kind.DISTRACTOR)]
    segmentations = tuple(entry.segmentation for entry in objects)
    regions = tuple(entry.segmentation for entry in ignored)
    visible = [entry.visible_box_xyxy for entry in objects]
    has_visible = any(box is not None for box in visible)
    has_scores = any(entry.score is not None for entry in objects)
    has_filled = any(entry.is_filled for entry in objects)
    return AnnotatedFrame(
        frame_index=frame_index,
        image_path=image_path,
        boxes_xyxy=_corners(objects),
        labels=np.array([entry.label for entry in objects], dtype=np.int64),
        track_ids=np.array([entry.track_id for entry in objects], dtype=np.int64),
        visibility=np.array([entry.visibility for entry in objects], dtype=np.float64),
        ignore_boxes_xyxy=_corners(ignored),
        ignore_is_distractor=np.array([entry.kind is Kind.DISTRACTOR for entry in ignored], bool),
        other_boxes_xyxy=_corners([entry for entry in entries if entry.kind is Kind.OTHER]),
        segmentations=segmentations if any(segmentations) else (),
        ignore_segmentations=regions if any(regions) else (),
        visible_boxes_xyxy=_boxes(
            [entry.visible_box_xyxy or entry.box_xyxy for entry in objects] if has_visible else []
        ),
        scores=np.array(
            [1.0 if entry.score is None else entry.score for entry in objects if has_scores],
            dtype=np.float64,
        ),
        is_filled=np.array([entry.is_filled for entry in objects if has_filled], dtype=bool),
    )


def _mistake(entry: Entry, num_frames: int, taken: set[tuple[int, int]]) -> MalformedError | None:
    left, top, right, bottom = entry.box_xyxy
    # Not `right <= left`: that would let NaN pass.
    has_area = np.isfinite(entry.box_xyxy).all() and right > left and bottom > top
    checks: tuple[tuple[bool, Mistake, str], ...] = (
        (
            bool(has_area),
            "no-area",
            f"expected a positive width and height, got {right - left:g} x {bottom - top:g}",
        ),
        (
            max(map(abs, entry.box_xyxy)) <= MAX_COORDINATE,
            "malformed",
            f"expected corners of at most {MAX_COORDINATE:g} pixels, got {_text(entry.box_xyxy)}",
        ),
        (
            0 <= entry.frame_index < num_frames,
            "beyond-end",
            f"expected at most {num_frames} frames, got frame index {entry.frame_index}",
        ),
    )
    if entry.kind is Kind.OBJECT:
        checks += (
            (
                0 <= entry.visibility <= 1,
                "malformed",
                f"expected a visibility in [0, 1], got {entry.visibility:g}",
            ),
            (
                0 <= entry.track_id <= MAX_ID,
                "malformed",
                f"expected an id from 0 on, got {entry.track_id}",
            ),
            (
                (entry.frame_index, entry.track_id) not in taken,
                "shared-id",
                f"expected each id once in a frame, got id {entry.track_id} again in frame index "
                f"{entry.frame_index}",
            ),
        )
    for is_good, mistake, what in checks:
        if not is_good:
            return MalformedError(mistake, entry.where, what)
    return None


def _text(box: Corners) -> str:
    return ", ".join(f"{number:g}" for number in box)


def _corners(entries: Sequence[Entry]) -> Float[np.ndarray, "boxes 4"]:
    return _boxes([entry.box_xyxy for entry in entries])


def _boxes(boxes: Sequence[Corners]) -> Float[np.ndarray, "boxes 4"]:
    return np.array(boxes, dtype=np.float64).reshape(-1, 4)
