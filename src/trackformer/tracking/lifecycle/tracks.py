"""What is known of a stream's tracks between two frames, and how rows of it are changed."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from trackformer.boxes import moved_on, smoothed_displacements
from trackformer.errors import DataError
from trackformer.predictions import Predictions
from trackformer.tracking.settings import TrackerSettings
from trackformer.types import TrackQueries

UNANSWERED = -1
"""In place of a query's row: no query shows where this track is now."""
NO_LABEL = -1
"""In place of a class that a user begins: the model's is taken."""


class Start(NamedTuple):
    """A track that begins in the next frame, whatever the model says of it."""

    box_xyxy: tuple[float, float, float, float]
    """In pixels of that frame."""
    label: int
    """Of its class; `NO_LABEL`: what the model takes it for."""


@dataclass(frozen=True, slots=True, eq=False)
class Tracks:
    """The whole state of a tracked stream, on the processor; replaced every frame, never edited."""

    ids: Int[Tensor, " T"]
    """Positive, never re-used."""
    boxes: Float[Tensor, "T 4"]
    """Relative cxcywh in the frame where each object was last seen."""
    displacements: Float[Tensor, "T 2"]
    """How far the box centre moves in a second (in a frame where no times are known), smoothed; 0
    until an object was seen twice in a row.
    A lost track keeps it, and has it again when it is found."""
    scores: Float[Tensor, " T"]
    labels: Int[Tensor, " T"]
    embeddings: Float[Tensor, "T C"]
    frames_missed: Int[Tensor, " T"]
    """Frames since the object was last seen; 0 = seen in the current frame."""
    unseen_for: Float[Tensor, " T"]
    """How long ago that was: seconds, or frames where no times are known."""
    published_counts: Int[Tensor, "T 2"]
    """(frames lost, frames below `keep_score`) as the published tracker counts them, that is on
    and on over re-identifications; 0 unless `compatibility` is `reference`."""
    is_started: Bool[Tensor, " T"]
    """Begun by a user: given up for lack of sight only, however many others there are."""
    next_id: int
    frame_index: int
    """0-based index of the frame this state belongs to; -1 before the first."""
    num_reidentified: int
    """How often a lost track was found again since the stream began."""
    time_s: float | None = None
    """When this frame was taken; None: not known, and a frame is the unit of time."""
    next_time_s: float | None = None
    """When the frame was taken that is asked about next (`expecting`)."""
    starting: tuple[Start, ...] = ()
    """What a user begins in that frame (`lifecycle.starting`)."""

    @property
    def elapsed(self) -> float:
        """What passes until the next frame: seconds, or 1 frame."""
        if self.time_s is None or self.next_time_s is None:
            return 1.0
        return self.next_time_s - self.time_s


def no_tracks(embedding_size: int) -> Tracks:
    """The state before the first frame."""
    whole = torch.zeros(0, dtype=torch.long)
    real = torch.zeros(0)
    return Tracks(
        ids=whole,
        boxes=real.reshape(0, 4),
        displacements=real.reshape(0, 2),
        scores=real,
        labels=whole,
        embeddings=real.reshape(0, embedding_size),
        frames_missed=whole,
        unseen_for=real,
        published_counts=whole.reshape(0, 2),
        is_started=torch.zeros(0, dtype=torch.bool),
        next_id=1,
        frame_index=-1,
        num_reidentified=0,
    )


def expecting(tracks: Tracks, time_s: float | None) -> Tracks:
    """The same tracks, once it is known when the next frame was taken.

    Args:
        tracks: After the frame before.
        time_s: Seconds, from any moment on; None for streams without times.

    Raises:
        DataError: It is not later than the frame before, or other frames had a time and this one
            has none, or the other way round.
    """
    is_first = tracks.frame_index < 0
    if time_s is not None and not math.isfinite(time_s):
        raise DataError(f"time_s: expected seconds, got {time_s}")
    if not is_first and (time_s is None) != (tracks.time_s is None):
        raise DataError(
            "time_s: expected one for every frame or for none, "
            f"got {time_s} after {tracks.time_s} in frame {tracks.frame_index}"
        )
    if time_s is not None and tracks.time_s is not None and time_s <= tracks.time_s:
        raise DataError(
            f"time_s: expected more than the {tracks.time_s} of the frame before, got {time_s}"
        )
    return replace(tracks, next_time_s=time_s)


def as_track_queries(tracks: Tracks, settings: TrackerSettings) -> TrackQueries:
    """What the model is asked in the next frame: one row per track, boxes moved on.

    A lost track is looked for where it would be by now: whoever walks behind something comes out on
    the other side.
    """
    boxes = moved_on(
        tracks.boxes,
        tracks.displacements,
        tracks.unseen_for,
        settings.motion,
        settings.lost_motion,
        tracks.elapsed,
    )
    return TrackQueries(
        embeddings=tracks.embeddings[None],
        boxes=boxes[None],
        is_padding=torch.zeros((1, len(tracks.ids)), dtype=torch.bool, device=boxes.device),
    )


def update_tracks(
    tracks: Tracks,
    predictions: Predictions,
    answers: Int[Tensor, " T"],
    num_reidentified: int,
    settings: TrackerSettings,
) -> Tracks:
    """The tracks one frame later, in their order.

    Args:
        tracks: State of the frame before.
        predictions: Answers of this frame's queries.
        answers: Row of the query that shows where each track is now, or `UNANSWERED`. Such a track
            keeps the box, displacement and embedding of the frame that last saw it.
        num_reidentified: How many of the tracks were lost before and are not any more.
        settings: How displacements are smoothed.
    """
    is_seen = answers != UNANSWERED
    rows = answers.clamp(min=0)
    column = is_seen[:, None]
    boxes = torch.where(column, predictions.boxes[rows], tracks.boxes)
    # A displacement over a gap would be several frames' worth, so the one before the gap stays.
    is_continued = is_seen & (tracks.frames_missed == 0)
    moved = smoothed_displacements(
        tracks.displacements,
        (boxes[:, :2] - tracks.boxes[:, :2]) / tracks.elapsed,
        settings.motion_smoothing,
    )
    return Tracks(
        ids=tracks.ids,
        boxes=boxes,
        displacements=torch.where(is_continued[:, None], moved, tracks.displacements),
        scores=torch.where(is_seen, predictions.scores[rows], tracks.scores),
        labels=torch.where(is_seen, predictions.labels[rows], tracks.labels),
        embeddings=torch.where(column, predictions.embeddings[rows].float(), tracks.embeddings),
        frames_missed=torch.where(is_seen, 0, tracks.frames_missed + 1),
        unseen_for=torch.where(is_seen, 0.0, tracks.unseen_for + tracks.elapsed),
        published_counts=tracks.published_counts,
        is_started=tracks.is_started,
        next_id=tracks.next_id,
        frame_index=tracks.frame_index + 1,
        num_reidentified=tracks.num_reidentified + num_reidentified,
        time_s=tracks.next_time_s,
    )


def add_births(
    tracks: Tracks, predictions: Predictions, rows: Int[Tensor, " _"], *, by_user: bool = False
) -> Tracks:
    """The tracks, and behind them a new one for each of some rows of the predictions."""
    num_born = len(rows)
    ids = torch.arange(tracks.next_id, tracks.next_id + num_born, device=tracks.ids.device)
    return Tracks(
        ids=torch.cat([tracks.ids, ids]),
        boxes=torch.cat([tracks.boxes, predictions.boxes[rows]]),
        displacements=torch.cat([tracks.displacements, tracks.boxes.new_zeros((num_born, 2))]),
        scores=torch.cat([tracks.scores, predictions.scores[rows]]),
        labels=torch.cat([tracks.labels, predictions.labels[rows]]),
        embeddings=torch.cat([tracks.embeddings, predictions.embeddings[rows].float()]),
        frames_missed=torch.cat([tracks.frames_missed, torch.zeros_like(ids)]),
        unseen_for=torch.cat([tracks.unseen_for, tracks.unseen_for.new_zeros(num_born)]),
        published_counts=torch.cat([tracks.published_counts, ids.new_zeros((num_born, 2))]),
        is_started=torch.cat([tracks.is_started, torch.full_like(ids, by_user, dtype=torch.bool)]),
        next_id=tracks.next_id + num_born,
        frame_index=tracks.frame_index,
        num_reidentified=tracks.num_reidentified,
        time_s=tracks.time_s,
    )


def select_tracks(tracks: Tracks, rows: Int[Tensor, " _"]) -> Tracks:
    """Only some rows, in the given order."""
    return Tracks(
        ids=tracks.ids[rows],
        boxes=tracks.boxes[rows],
        displacements=tracks.displacements[rows],
        scores=tracks.scores[rows],
        labels=tracks.labels[rows],
        embeddings=tracks.embeddings[rows],
        frames_missed=tracks.frames_missed[rows],
        unseen_for=tracks.unseen_for[rows],
        published_counts=tracks.published_counts[rows],
        is_started=tracks.is_started[rows],
        next_id=tracks.next_id,
        frame_index=tracks.frame_index,
        num_reidentified=tracks.num_reidentified,
        time_s=tracks.time_s,
        next_time_s=tracks.next_time_s,
        starting=tracks.starting,
    )


def most_recent(tracks: Tracks, settings: TrackerSettings) -> Tracks:
    """At most `max_tracks`, those lost for longest given up first; their order stays.

    A user's are not given up so, and leave less room for the others.
    """
    if len(tracks.ids) <= settings.max_tracks:
        return tracks
    missed = torch.where(tracks.is_started, -1, tracks.frames_missed)
    room = max(settings.max_tracks, int(tracks.is_started.sum()))
    recent = torch.sort(missed, stable=True).indices[:room]
    return select_tracks(tracks, recent.sort().values)
