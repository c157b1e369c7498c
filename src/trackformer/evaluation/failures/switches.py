"""Where identities were lost, and why: the identity switches that CLEAR counts, one by one."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Literal

import numpy as np

from trackformer.atomic_files import whole_file
from trackformer.data.annotations import AnnotatedFrame, AnnotatedSequence
from trackformer.evaluation.failures.object_history import (
    hidden_share,
    lies_outside,
    overlaps,
    row_of,
    touches_border,
)
from trackformer.evaluation.metrics.tracking import MatchedSequence

Cause = Literal["exit", "crossing", "occlusion", "missed", "takeover"]
"""The first of these that applies, looking from the last match to the switch:

exit        its centre lay outside the image; or it was not annotated for a while, and before or
            after that its box touched the border of the image (or the image size is unknown)
crossing    its old or its new track was matched to another object whose box overlapped its own
occlusion   less than half of it was visible, another box covered half of it, or it was not
            annotated for a while in the middle of the image
missed      it was visible, but unmatched for at least one frame
takeover    it was visible and matched in the frame before: another track took over
"""
CAUSES: tuple[Cause, ...] = ("exit", "crossing", "occlusion", "missed", "takeover")
MOST_HIDDEN = 0.5
"""Hidden share of an object from which it counts as occluded."""


@dataclass(frozen=True, slots=True)
class Switch:
    """One object that goes on with another track; ids and frames as in the files, from 1."""

    sequence: str
    frame: int
    object_id: int
    old_track: int
    new_track: int
    last_matched_frame: int
    """The last one with the old track."""
    cause: Cause


def find_switches(sequence: AnnotatedSequence, matched: MatchedSequence) -> tuple[Switch, ...]:
    """The identity switches of a sequence in the order of its frames."""
    clear, counted = matched.clear, matched.counted
    history = _History(sequence, _partners(matched))
    switches = []
    for pair in np.flatnonzero(clear.is_switch):
        frame, before = int(clear.pairs.frames[pair]), int(clear.previous_frames[pair])
        object_id = int(counted.object_ids[clear.pairs.objects[pair]])
        tracks = (
            int(counted.track_ids[clear.previous_tracks[pair]]),
            int(counted.track_ids[clear.pairs.tracks[pair]]),
        )
        cause = history.cause(object_id, tracks, before, frame)
        switches.append(Switch(sequence.name, frame + 1, object_id, *tracks, before + 1, cause))
    return tuple(switches)


def count_causes(switches: Sequence[Switch]) -> dict[Cause, int]:
    """How many switches each cause has, the most first; causes without any are left out."""
    return dict(Counter(switch.cause for switch in switches).most_common())


def write_switches(switches: Sequence[Switch], path: Path) -> None:
    """A CSV file with a row for each switch.

    Raises:
        DataError: The file cannot be written.
    """
    with whole_file(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Switch)])
        writer.writeheader()
        writer.writerows(asdict(switch) for switch in switches)


def _partners(matched: MatchedSequence) -> dict[tuple[int, int], int]:
    """The id of the object that each track id is matched to, by (frame, track id)."""
    pairs, counted = matched.clear.pairs, matched.counted
    tracks, objects = counted.track_ids[pairs.tracks], counted.object_ids[pairs.objects]
    return dict(
        zip(zip(pairs.frames.tolist(), tracks.tolist(), strict=True), objects.tolist(), strict=True)
    )


@dataclass(frozen=True, slots=True)
class _History:
    """What happened to an object between two frames."""

    sequence: AnnotatedSequence
    partner: dict[tuple[int, int], int]

    def cause(self, object_id: int, tracks: tuple[int, int], before: int, at: int) -> Cause:
        """Why an object, matched in frame `before`, is matched with another track in `at`."""
        window = self.sequence.frames[before : at + 1]
        if self._left(window, object_id):
            return "exit"
        if any(self._crossed(frame, object_id, tracks) for frame in window):
            return "crossing"
        if any(_is_hidden(frame, object_id) for frame in window):
            return "occlusion"
        return "missed" if at > before + 1 else "takeover"

    def _left(self, window: Sequence[AnnotatedFrame], object_id: int) -> bool:
        size = self.sequence.image_size
        rows = [row_of(frame, object_id) for frame in window]
        boxes = [
            frame.boxes_xyxy[row]
            for frame, row in zip(window, rows, strict=True)
            if row is not None
        ]
        was_gone = len(boxes) < len(rows)
        if size is None:
            return was_gone
        if any(lies_outside(box, size) for box in boxes):
            return True
        return was_gone and any(
            touches_border(window[place].boxes_xyxy[rows[place]], size)
            for place in _around_gaps([row is not None for row in rows])
        )

    def _crossed(self, frame: AnnotatedFrame, object_id: int, tracks: tuple[int, int]) -> bool:
        row = row_of(frame, object_id)
        if row is None:
            return False
        for track in tracks:
            other = self.partner.get((frame.frame_index, track), object_id)
            other_row = row_of(frame, other) if other != object_id else None
            if other_row is not None and overlaps(frame.boxes_xyxy[[row, other_row]]):
                return True
        return False


def _around_gaps(is_there: Sequence[bool]) -> list[int]:
    """The places just before and just after a gap."""
    return [
        place
        for place, there in enumerate(is_there)
        if there and not all(is_there[max(place - 1, 0) : place + 2])
    ]


def _is_hidden(frame: AnnotatedFrame, object_id: int) -> bool:
    row = row_of(frame, object_id)
    return row is None or hidden_share(frame, row) > MOST_HIDDEN
