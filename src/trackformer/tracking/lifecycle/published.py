"""The step of the published tracker with its defects (docs/compatibility.md lists them).

Nothing here is better than `lifecycle`; it is what published results were made with.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from trackformer.boxes import non_maximum_suppression, to_pixels_xyxy
from trackformer.tracking.lifecycle.public_detections import allowed_births
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

LOST, BELOW = 0, 1
"""Columns of `Tracks.published_counts`."""


def advance_as_published(
    tracks: Tracks,
    predictions: Predictions,
    settings: TrackerSettings,
    image_size: tuple[int, int],
    public_xyxy: Float[Tensor, "P 4"] | None,
) -> Tracks:
    """`advance` as the published tracker does it: the same arguments.

    Returns:
        First the active tracks (`frames_missed` 0, also where a stale box is reported): those of
        before, those found again, the newly born. Then the lost ones, longest lost first.
    """
    # It knows no other class than the first.
    is_object = (predictions.labels == 0) & torch.isfinite(predictions.boxes).all(-1)
    predictions = replace(predictions, scores=torch.where(is_object, predictions.scores, 0.0))
    was_lost = tracks.frames_missed > 0
    is_seen = _seen(was_lost, predictions, settings)
    counts = _count_below(tracks.published_counts, is_seen, was_lost)
    stays = ~was_lost & (is_seen | (counts[:, BELOW] < settings.termination_steps))
    active = torch.cat([_rows(stays), _rows(was_lost & is_seen)])
    lost = torch.cat([_rows(was_lost & ~is_seen), _rows(~was_lost & ~stays)])
    answers = torch.where(is_seen, torch.arange(len(is_seen), device=is_seen.device), UNANSWERED)
    num_back = int((was_lost & is_seen).sum())
    now = update_tracks(tracks, predictions, answers, num_back, settings)
    active = active[_not_suppressed(now, active, now.scores, settings.track_nms_iou, image_size)]
    births = _births(predictions, len(is_seen), settings, image_size, public_xyxy)
    lost = lost[_is_remembered(tracks, lost, counts, settings)]
    found = find_again(select_tracks(tracks, lost), predictions, births, settings, image_size)
    answers[lost] = found
    is_found = found != UNANSWERED
    # Only here, not where a track's own query finds it again, does counting begin anew.
    counts[lost[is_found], LOST] = 0
    num_back += int(is_found.sum())
    now = update_tracks(tracks, predictions, answers, num_back, settings)
    now = add_births(now, predictions, births[~torch.isin(births, found)])
    born = torch.arange(len(is_seen), len(now.ids), device=is_seen.device)
    active = torch.cat([active, lost[is_found], born])
    # Tracks of before win over births whatever their scores; ids of refused births stay consumed.
    certain = now.scores.clone()
    certain[: len(is_seen)] = torch.inf
    active = active[_not_suppressed(now, active, certain, settings.birth_nms_iou, image_size)]
    counts = torch.cat([counts, counts.new_zeros((len(born), 2))])
    return _end_of_step(now, counts, (active, lost[~is_found]), settings)


def _seen(
    was_lost: Bool[Tensor, " T"], predictions: Predictions, settings: TrackerSettings
) -> Bool[Tensor, " T"]:
    threshold = torch.where(was_lost, settings.reid_score, settings.keep_score)
    return predictions.scores[: len(was_lost)] > threshold


def _count_below(
    counts: Int[Tensor, "T 2"], is_seen: Bool[Tensor, " T"], was_lost: Bool[Tensor, " T"]
) -> Int[Tensor, "T 2"]:
    """Only of active tracks: one found again by its query keeps the count it was lost with."""
    below = torch.where(is_seen, 0, counts[:, BELOW] + 1)
    return torch.stack([counts[:, LOST], torch.where(was_lost, counts[:, BELOW], below)], dim=1)


def _births(
    predictions: Predictions,
    num_tracks: int,
    settings: TrackerSettings,
    image_size: tuple[int, int],
    public_xyxy: Float[Tensor, "P 4"] | None,
) -> Int[Tensor, " _"]:
    births = _rows(predictions.scores[num_tracks:] > settings.birth_score) + num_tracks
    if public_xyxy is None:
        return births
    candidates = to_pixels_xyxy(predictions.boxes[births], image_size)
    return births[allowed_births(candidates, public_xyxy, settings.public_rule)]


def _not_suppressed(
    tracks: Tracks,
    rows: Int[Tensor, " A"],
    scores: Float[Tensor, " T"],
    iou_threshold: float | None,
    image_size: tuple[int, int],
) -> Bool[Tensor, " A"]:
    """Which of some rows no better one overlaps; the others are deleted, not lost."""
    if iou_threshold is None:
        return torch.ones_like(rows, dtype=torch.bool)
    boxes = to_pixels_xyxy(tracks.boxes[rows], image_size)
    return non_maximum_suppression(boxes, scores[rows], iou_threshold)


def _is_remembered(
    tracks: Tracks, rows: Int[Tensor, " A"], counts: Int[Tensor, "_ 2"], settings: TrackerSettings
) -> Bool[Tensor, " A"]:
    has_area = (tracks.boxes[rows, 2:] > 0).all(-1)
    return has_area & (counts[rows, LOST] <= settings.patience)


def _end_of_step(
    tracks: Tracks,
    counts: Int[Tensor, "T 2"],
    rows: tuple[Int[Tensor, " A"], Int[Tensor, " E"]],
    settings: TrackerSettings,
) -> Tracks:
    """The rows of (active, lost) tracks with what was counted."""
    active, lost = rows
    counts[lost, LOST] += 1
    frames_missed = torch.zeros_like(tracks.frames_missed)
    frames_missed[lost] = counts[lost, LOST]
    tracks = replace(tracks, published_counts=counts, frames_missed=frames_missed)
    lost = lost[_is_remembered(tracks, lost, counts, settings)]
    return most_recent(select_tracks(tracks, torch.cat([active, lost])), settings)


def _rows(mask: Bool[Tensor, " A"]) -> Int[Tensor, " _"]:
    return torch.nonzero(mask)[:, 0]
