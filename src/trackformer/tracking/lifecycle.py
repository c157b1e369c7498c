"""How tracks change from one frame to the next: one pure function."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from trackformer.boxes import cxcywh_to_xyxy, non_maximum_suppression, pairwise_iou
from trackformer.tracking.settings import TrackerSettings
from trackformer.types import Predictions, TrackQueries


@dataclass(frozen=True, slots=True, eq=False)
class Tracks:
    """The whole state of a tracked stream; replaced every frame, never edited."""

    ids: Int[Tensor, " T"]
    """Positive, never re-used."""
    boxes: Float[Tensor, "T 4"]
    """Relative cxcywh in the frame where each object was last seen."""
    displacements: Float[Tensor, "T 2"]
    """How far the box centre moved between the last two frames that saw the object; else 0."""
    scores: Float[Tensor, " T"]
    labels: Int[Tensor, " T"]
    embeddings: Float[Tensor, "T C"]
    frames_missed: Int[Tensor, " T"]
    """Frames since the object was last seen; 0 = seen in the current frame."""
    next_id: int
    frame_index: int
    """0-based index of the frame this state belongs to; -1 before the first."""


def no_tracks(embedding_size: int, device: torch.device | str = "cpu") -> Tracks:
    """The state before the first frame."""
    whole = torch.zeros(0, dtype=torch.long, device=device)
    real = torch.zeros(0, device=device)
    return Tracks(
        ids=whole,
        boxes=real.reshape(0, 4),
        displacements=real.reshape(0, 2),
        scores=real,
        labels=whole,
        embeddings=real.reshape(0, embedding_size),
        frames_missed=whole,
        next_id=1,
        frame_index=-1,
    )


def as_track_queries(tracks: Tracks, settings: TrackerSettings) -> TrackQueries:
    """What the model is asked in the next frame: one row per track, boxes moved on."""
    shift = settings.motion * tracks.displacements
    boxes = torch.cat([tracks.boxes[:, :2] + shift, tracks.boxes[:, 2:]], dim=-1)
    return TrackQueries(
        embeddings=tracks.embeddings[None],
        boxes=boxes[None],
        is_padding=torch.zeros((1, len(tracks.ids)), dtype=torch.bool, device=boxes.device),
    )


def advance(tracks: Tracks, predictions: Predictions, settings: TrackerSettings) -> Tracks:
    """The state after one more frame.

    Args:
        tracks: State whose T rows were asked as track queries.
        predictions: Answers for these T queries, then for the object queries.
        settings: Thresholds.

    Returns:
        First the tracks of before, in their order, without those given up; then the newly born.
        A lost track keeps the box, displacement and embedding of the frame that last saw it.
    """
    num_tracks = len(tracks.ids)
    scores = torch.where(_is_usable(predictions.boxes), predictions.scores, 0.0)
    is_seen = _seen(tracks, scores[:num_tracks], predictions.boxes[:num_tracks], settings)
    is_born = _born(is_seen, scores, predictions.boxes, settings)
    updated = _update(tracks, predictions, is_seen)
    born = torch.nonzero(is_born)[:, 0] + num_tracks
    num_born = len(born)
    grown = Tracks(
        ids=torch.cat(
            [
                updated.ids,
                torch.arange(tracks.next_id, tracks.next_id + num_born, device=tracks.ids.device),
            ]
        ),
        boxes=torch.cat([updated.boxes, predictions.boxes[born]]),
        displacements=torch.cat([updated.displacements, updated.boxes.new_zeros((num_born, 2))]),
        scores=torch.cat([updated.scores, scores[born]]),
        labels=torch.cat([updated.labels, predictions.labels[born]]),
        embeddings=torch.cat([updated.embeddings, predictions.embeddings[born].float()]),
        frames_missed=torch.cat([updated.frames_missed, updated.frames_missed.new_zeros(num_born)]),
        next_id=tracks.next_id + num_born,
        frame_index=tracks.frame_index + 1,
    )
    return _select(grown, _surviving(grown.frames_missed, settings))


def _is_usable(boxes: Float[Tensor, "Q 4"]) -> Bool[Tensor, " Q"]:
    """False for NaN, infinite and empty boxes, which no track may take over."""
    return torch.isfinite(boxes).all(-1) & (boxes[:, 2:] > 0).all(-1)


def _seen(
    tracks: Tracks,
    scores: Float[Tensor, " T"],
    boxes: Float[Tensor, "T 4"],
    settings: TrackerSettings,
) -> Bool[Tensor, " T"]:
    was_lost = tracks.frames_missed > 0
    threshold = torch.where(was_lost, settings.reid_score, settings.keep_score)
    is_seen = scores > threshold
    if settings.track_nms_iou is not None:
        rows = torch.nonzero(is_seen)[:, 0]
        stays = non_maximum_suppression(
            cxcywh_to_xyxy(boxes[rows]), scores[rows], settings.track_nms_iou
        )
        is_seen[rows] = stays
    return is_seen


def _born(
    is_seen: Bool[Tensor, " T"],
    scores: Float[Tensor, " Q"],
    boxes: Float[Tensor, "Q 4"],
    settings: TrackerSettings,
) -> Bool[Tensor, " N"]:
    num_tracks = len(is_seen)
    is_born = scores[num_tracks:] > settings.birth_score
    if settings.birth_nms_iou is not None:
        # First the tracks, which never suppress each other here, then births among themselves.
        seen = cxcywh_to_xyxy(boxes[:num_tracks][is_seen])
        found = cxcywh_to_xyxy(boxes[num_tracks:])
        is_born &= ~(pairwise_iou(found, seen) > settings.birth_nms_iou).any(1)
        rows = torch.nonzero(is_born)[:, 0]
        is_born[rows] = non_maximum_suppression(
            found[rows], scores[num_tracks:][rows], settings.birth_nms_iou
        )
    return is_born


def _update(tracks: Tracks, predictions: Predictions, is_seen: Bool[Tensor, " T"]) -> Tracks:
    num_tracks = len(is_seen)
    boxes = torch.where(is_seen[:, None], predictions.boxes[:num_tracks], tracks.boxes)
    # A displacement over a gap would be several frames' worth; one frame later it is known again.
    is_continued = is_seen & (tracks.frames_missed == 0)
    moved = torch.where(is_continued[:, None], boxes[:, :2] - tracks.boxes[:, :2], 0.0)
    return Tracks(
        ids=tracks.ids,
        boxes=boxes,
        displacements=torch.where(is_seen[:, None], moved, tracks.displacements),
        scores=torch.where(is_seen, predictions.scores[:num_tracks], tracks.scores),
        labels=torch.where(is_seen, predictions.labels[:num_tracks], tracks.labels),
        embeddings=torch.where(
            is_seen[:, None], predictions.embeddings[:num_tracks].float(), tracks.embeddings
        ),
        frames_missed=torch.where(is_seen, 0, tracks.frames_missed + 1),
        next_id=tracks.next_id,
        frame_index=tracks.frame_index,
    )


def _surviving(frames_missed: Int[Tensor, " T"], settings: TrackerSettings) -> Int[Tensor, " _"]:
    rows = torch.nonzero(frames_missed <= settings.patience)[:, 0]
    if len(rows) > settings.max_tracks:
        recent = torch.sort(frames_missed[rows], stable=True).indices[: settings.max_tracks]
        rows = rows[recent.sort().values]
    return rows


def _select(tracks: Tracks, rows: Int[Tensor, " _"]) -> Tracks:
    return Tracks(
        ids=tracks.ids[rows],
        boxes=tracks.boxes[rows],
        displacements=tracks.displacements[rows],
        scores=tracks.scores[rows],
        labels=tracks.labels[rows],
        embeddings=tracks.embeddings[rows],
        frames_missed=tracks.frames_missed[rows],
        next_id=tracks.next_id,
        frame_index=tracks.frame_index,
    )
