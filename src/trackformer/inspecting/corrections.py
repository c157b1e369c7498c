"""Identities put right by hand: joined, split or deleted (torch-free)."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Bool

from trackformer.data.annotations import AnnotatedData, AnnotatedFrame
from trackformer.errors import DataError


@dataclass(frozen=True, slots=True)
class Join:
    """Another identity is this one; where both are seen, this one's box stays."""

    track: int
    other: int

    def applied(self, frame: AnnotatedFrame) -> AnnotatedFrame:
        """One frame with it."""
        if self.track in frame.track_ids:
            return _kept(frame, frame.track_ids != self.other)
        return _renamed(frame, self.other, self.track)


@dataclass(frozen=True, slots=True)
class Split:
    """From a frame on, counted from 0, an identity is a new one."""

    track: int
    frame_index: int
    new: int

    def applied(self, frame: AnnotatedFrame) -> AnnotatedFrame:
        """One frame with it."""
        if frame.frame_index < self.frame_index:
            return frame
        return _renamed(frame, self.track, self.new)


@dataclass(frozen=True, slots=True)
class Delete:
    """An identity is nothing."""

    track: int

    def applied(self, frame: AnnotatedFrame) -> AnnotatedFrame:
        """One frame with it."""
        return _kept(frame, frame.track_ids != self.track)


Correction: TypeAlias = Join | Split | Delete
_KINDS: dict[str, Callable[..., Correction]] = {"join": Join, "split": Split, "delete": Delete}


def corrected(data: AnnotatedData, corrections: Sequence[Correction]) -> AnnotatedData:
    """The tracks of one video with some corrections, one after the other.

    Raises:
        DataError: There are several videos, or a correction is about an identity that is not there.
    """
    if len(data.sequences) != 1:
        raise DataError(f"corrections: expected one video, got {len(data.sequences)}")
    sequence = data.sequences[0]
    frames = tuple(sequence.frames)
    for correction in corrections:
        ids = {track_id for frame in frames for track_id in frame.track_ids.tolist()}
        _check(correction, ids)
        frames = tuple(correction.applied(frame) for frame in frames)
    return replace(data, sequences=(replace(sequence, frames=frames),))


def read_corrections(path: Path) -> tuple[Correction, ...]:
    """What the inspector saved.

    Raises:
        DataError: The file cannot be read, or says something else.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise DataError(f"{path}: expected JSON: {error}") from error
    return parse_corrections(record, str(path))


def parse_corrections(record: Any, where: str) -> tuple[Correction, ...]:
    """The corrections of a file's content; DataError where it is something else."""
    if not isinstance(record, dict) or not isinstance(record.get("corrections"), list):
        raise DataError(f'{where}: expected {{"corrections": [...]}}')
    return tuple(
        _parsed(each, f"{where}: correction {number}")
        for number, each in enumerate(record["corrections"], start=1)
    )


def _parsed(record: Any, where: str) -> Correction:
    fields = dict(record) if isinstance(record, dict) else {}
    kind = _KINDS.get(str(fields.pop("do", None)))
    if kind is None:
        raise DataError(f'{where}: expected "do": {", ".join(_KINDS)}, got {record!r}')
    if not all(type(value) is int and value >= 0 for value in fields.values()):
        raise DataError(f"{where}: expected whole numbers of 0 or more, got {fields}")
    try:
        return kind(**fields)
    except TypeError as error:
        raise DataError(f"{where}: expected the fields of its kind, got {fields}") from error


def _check(correction: Correction, ids: set[int]) -> None:
    named = [correction.track]
    if isinstance(correction, Join):
        named.append(correction.other)
        if correction.track == correction.other:
            raise DataError(f"corrections: join: expected two identities, got {named}")
    missing = [track_id for track_id in named if track_id not in ids]
    if missing:
        raise DataError(f"corrections: {correction}: there is no identity {missing[0]} any more")
    if isinstance(correction, Split) and correction.new in ids:
        raise DataError(f"corrections: {correction}: identity {correction.new} is taken")


def _renamed(frame: AnnotatedFrame, old: int, new: int) -> AnnotatedFrame:
    return replace(frame, track_ids=np.where(frame.track_ids == old, new, frame.track_ids))


def _kept(frame: AnnotatedFrame, rows: Bool[np.ndarray, " G"]) -> AnnotatedFrame:
    if rows.all():
        return frame
    outlines = frame.segmentations

    def chosen(column: Any) -> Any:
        # Columns that the data do not have are empty.
        return column[rows] if len(column) else column

    return replace(
        frame,
        boxes_xyxy=frame.boxes_xyxy[rows],
        labels=frame.labels[rows],
        track_ids=frame.track_ids[rows],
        visibility=frame.visibility[rows],
        segmentations=tuple(outlines[row] for row in np.flatnonzero(rows)) if outlines else (),
        visible_boxes_xyxy=chosen(frame.visible_boxes_xyxy),
        scores=chosen(frame.scores),
        is_filled=chosen(frame.is_filled),
    )
