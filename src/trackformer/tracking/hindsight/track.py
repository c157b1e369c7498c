"""One track of a recording, and how the tracks of all frames become such and go back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int

from trackformer.data.annotations import AnnotatedFrame, AnnotatedSequence
from trackformer.data.formats.parts.assembly import Entry, assemble_frame


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """What a recording shows of one identity; F frames, in order."""

    track_id: int
    label: int
    """The class that most of its boxes have."""
    frames: Int[np.ndarray, " F"]
    """0-based; rising, with gaps."""
    boxes_xyxy: Float[np.ndarray, "F 4"]
    """In pixels."""
    scores: Float[np.ndarray, " F"]
    is_filled: Bool[np.ndarray, " F"]
    """Boxes between two that were seen."""


def tracks_of(sequence: AnnotatedSequence) -> list[Track]:
    """All tracks of a recording, by track id."""
    places: dict[int, list[tuple[AnnotatedFrame, int]]] = defaultdict(list)
    for frame in sequence.frames:
        for row, track_id in enumerate(frame.track_ids.tolist()):
            places[track_id].append((frame, row))
    return [_track(track_id, own) for track_id, own in sorted(places.items())]


def with_tracks(sequence: AnnotatedSequence, tracks: Sequence[Track]) -> AnnotatedSequence:
    """The same recording with these tracks in place of its own."""
    entries: dict[int, list[Entry]] = defaultdict(list)
    for track in tracks:
        rows = zip(
            track.frames.tolist(),
            track.boxes_xyxy.tolist(),
            track.scores.tolist(),
            track.is_filled.tolist(),
            strict=True,
        )
        for frame_index, (left, top, right, bottom), score, is_filled in rows:
            entries[frame_index].append(
                Entry(
                    where="",
                    frame_index=frame_index,
                    box_xyxy=(left, top, right, bottom),
                    label=track.label,
                    track_id=track.track_id,
                    score=score,
                    is_filled=is_filled,
                )
            )
    frames = tuple(
        assemble_frame(frame.frame_index, frame.image_path, entries[frame.frame_index])
        for frame in sequence.frames
    )
    return replace(sequence, frames=frames)


def joined(parts: Sequence[Track]) -> Track:
    """Tracks one after the other as one, which has the id of the first and the longest's class."""
    longest = max(parts, key=lambda part: len(part.frames))
    return Track(
        track_id=parts[0].track_id,
        label=longest.label,
        frames=np.concatenate([part.frames for part in parts]),
        boxes_xyxy=np.concatenate([part.boxes_xyxy for part in parts]),
        scores=np.concatenate([part.scores for part in parts]),
        is_filled=np.concatenate([part.is_filled for part in parts]),
    )


def _track(track_id: int, places: list[tuple[AnnotatedFrame, int]]) -> Track:
    labels = [int(frame.labels[row]) for frame, row in places]
    return Track(
        track_id=track_id,
        label=int(np.bincount(labels).argmax()),
        frames=np.array([frame.frame_index for frame, _ in places]),
        boxes_xyxy=np.stack([frame.boxes_xyxy[row] for frame, row in places]),
        scores=np.array(
            [float(frame.scores[row]) if len(frame.scores) else 1.0 for frame, row in places]
        ),
        is_filled=np.zeros(len(places), dtype=bool),
    )
