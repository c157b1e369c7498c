"""How tracks change from one frame to the next: one pure function."""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from trackformer.boxes import (
    cxcywh_to_xyxy,
    non_maximum_suppression,
    pairwise_iou,
    to_pixels_xyxy,
    xyxy_to_cxcywh,
)
from trackformer.tracking.lifecycle.public_detections import allowed_births
from trackformer.tracking.lifecycle.published import advance_as_published
from trackformer.tracking.lifecycle.reidentification import find_again
from trackformer.tracking.lifecycle.tracks import (
    UNANSWERED,
    Tracks,
    add_births,
    most_recent,
    select_tracks,
    update_tracks,
)
from trackformer.tracking.settings import TrackerSettings
from trackformer.types import Predictions


def advance(
    tracks: Tracks,
    predictions: Predictions,
    settings: TrackerSettings,
    image_size: tuple[int, int] = (1, 1),
    public_xyxy: Float[Tensor, "P 4"] | None = None,
) -> Tracks:
    """The state after one more frame.

    Args:
        tracks: State whose T rows were asked as track queries.
        predictions: Answers for these T queries, then for the object queries.
        settings: Thresholds.
        image_size: (height, width) of the frame: distances are measured in its pixels.
        public_xyxy: Detections, in pixels, without which no track is born; None: all may be.

    Returns:
        First the tracks of before, in their order, without those given up; then the newly born.
        A lost track keeps the box, displacement and embedding of the frame that last saw it.
    """
    if settings.clip_boxes:
        inside = cxcywh_to_xyxy(predictions.boxes).clamp(0, 1)
        predictions = replace(predictions, boxes=xyxy_to_cxcywh(inside))
    if settings.compatibility == "reference":
        return advance_as_published(tracks, predictions, settings, image_size, public_xyxy)
    usable = torch.where(_is_usable(predictions.boxes), predictions.scores, 0.0)
    predictions = replace(predictions, scores=usable)
    was_lost = tracks.frames_missed >= settings.termination_steps
    is_seen = _seen(was_lost, predictions, settings)
    # Not seen, but not yet lost either: still where it was.
    is_waiting = ~is_seen & (tracks.frames_missed + 1 < settings.termination_steps)
    occupied = torch.cat([predictions.boxes[: len(is_seen)][is_seen], tracks.boxes[is_waiting]])
    births = _births(predictions, len(is_seen), settings)
    if public_xyxy is not None:
        candidates = to_pixels_xyxy(predictions.boxes[births], image_size)
        births = births[allowed_births(candidates, public_xyxy, settings.public_rule)]
    births = _without_duplicates(births, predictions, occupied, settings)
    lost = torch.nonzero(~is_seen & ~is_waiting)[:, 0]
    found = find_again(select_tracks(tracks, lost), predictions, births, settings, image_size)
    answers = torch.where(is_seen, torch.arange(len(is_seen), device=is_seen.device), UNANSWERED)
    answers[lost] = found
    num_reidentified = int((was_lost & is_seen).sum()) + int((found != UNANSWERED).sum())
    updated = update_tracks(tracks, predictions, answers, num_reidentified, settings)
    return _without_given_up(
        add_births(updated, predictions, births[~torch.isin(births, found)]), settings
    )


def _is_usable(boxes: Float[Tensor, "Q 4"]) -> Bool[Tensor, " Q"]:
    """False for NaN, infinite and empty boxes, which no track may take over."""
    return torch.isfinite(boxes).all(-1) & (boxes[:, 2:] > 0).all(-1)


def _seen(
    was_lost: Bool[Tensor, " T"], predictions: Predictions, settings: TrackerSettings
) -> Bool[Tensor, " T"]:
    """Which tracks their own queries show."""
    scores = predictions.scores[: len(was_lost)]
    is_seen = scores > torch.where(was_lost, settings.reid_score, settings.keep_score)
    if settings.track_nms_iou is not None:
        rows = torch.nonzero(is_seen)[:, 0]
        stays = non_maximum_suppression(
            cxcywh_to_xyxy(predictions.boxes[rows]), scores[rows], settings.track_nms_iou
        )
        is_seen[rows] = stays
    return is_seen


def _births(
    predictions: Predictions, num_tracks: int, settings: TrackerSettings
) -> Int[Tensor, " _"]:
    """Rows of the object queries that are sure enough to begin a track."""
    is_sure = predictions.scores[num_tracks:] > settings.birth_score
    return torch.nonzero(is_sure)[:, 0] + num_tracks


def _without_duplicates(
    births: Int[Tensor, " N"],
    predictions: Predictions,
    occupied: Float[Tensor, "A 4"],
    settings: TrackerSettings,
) -> Int[Tensor, " _"]:
    """Those births that overlap neither a track's box nor a better birth."""
    if settings.birth_nms_iou is None:
        return births
    # First the tracks, which never suppress each other here, then births among themselves.
    overlap = pairwise_iou(cxcywh_to_xyxy(predictions.boxes[births]), cxcywh_to_xyxy(occupied))
    births = births[~(overlap > settings.birth_nms_iou).any(1)]
    return births[
        non_maximum_suppression(
            cxcywh_to_xyxy(predictions.boxes[births]),
            predictions.scores[births],
            settings.birth_nms_iou,
        )
    ]


def _without_given_up(tracks: Tracks, settings: TrackerSettings) -> Tracks:
    longest = settings.patience + settings.termination_steps - 1
    return most_recent(
        select_tracks(tracks, torch.nonzero(tracks.frames_missed <= longest)[:, 0]), settings
    )
