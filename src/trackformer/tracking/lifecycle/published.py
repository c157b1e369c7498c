"""The step of the published tracker with its defects (docs/compatibility.md lists them).

Nothing here is better than `lifecycle`; it is what published results were made with.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from trackformer.boxes import non_maximum_suppression, to_pixels_xyxy
from trackformer.tracking.lifecycle.decisions import (
    BirthsScored,
    Born,
    Crowded,
    Listener,
    PublicAsked,
    Suppressed,
    TracksScored,
    Waited,
    nobody,
)
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
    tell: Listener = nobody,
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
    is_seen = _seen(was_lost, predictions, settings, tell)
    counts = _count_below(tracks.published_counts, is_seen, was_lost)
    stays = ~was_lost & (is_seen | (counts[:, BELOW] < settings.termination_steps))
    active = torch.cat([_rows(stays), _rows(was_lost & is_seen)])
    lost = torch.cat([_rows(was_lost & ~is_seen), _rows(~was_lost & ~stays)])
    answers = torch.where(is_seen, torch.arange(len(is_seen), device=is_seen.device), UNANSWERED)
    num_back = int((was_lost & is_seen).sum())
    now = update_tracks(tracks, predictions, answers, num_back, settings)
    tell(lambda: _waiting(_rows(stays & ~is_seen), counts, settings))
    active = active[
        _not_suppressed(
            now, active, now.scores, ("track_nms_iou", settings.track_nms_iou), image_size, tell
        )
    ]
    births = _births(predictions, len(is_seen), settings, tell)
    births = _public_births(births, predictions, settings, image_size, public_xyxy, tell)
    is_remembered = _is_remembered(tracks, lost, counts, settings)
    tell(lambda: _lost(lost[~is_remembered], tracks, counts, settings))
    lost = lost[is_remembered]
    lost_tracks = select_tracks(tracks, lost)
    found = find_again(lost_tracks, predictions, births, settings, image_size, tell)
    answers[lost] = found
    is_found = found != UNANSWERED
    # Only here, not where a track's own query finds it again, does counting begin anew.
    counts[lost[is_found], LOST] = 0
    num_back += int(is_found.sum())
    now = update_tracks(tracks, predictions, answers, num_back, settings)
    new = births[~torch.isin(births, found)]
    tell(lambda: Born(new))
    now = add_births(now, predictions, new)
    born = torch.arange(len(is_seen), len(now.ids), device=is_seen.device)
    active = torch.cat([active, lost[is_found], born])
    # Tracks of before win over births whatever their scores; ids of refused births stay consumed.
    certain = now.scores.clone()
    certain[: len(is_seen)] = torch.inf
    active = active[
        _not_suppressed(
            now, active, certain, ("birth_nms_iou", settings.birth_nms_iou), image_size, tell
        )
    ]
    counts = torch.cat([counts, counts.new_zeros((len(born), 2))])
    return _end_of_step(now, counts, (active, lost[~is_found]), settings, tell)


def _seen(
    was_lost: Bool[Tensor, " T"],
    predictions: Predictions,
    settings: TrackerSettings,
    tell: Listener,
) -> Bool[Tensor, " T"]:
    thresholds = torch.where(was_lost, settings.reid_score, settings.keep_score)
    scores = predictions.scores[: len(was_lost)]
    is_above = scores > thresholds
    tell(lambda: TracksScored(scores, thresholds, was_lost, is_above))
    return is_above


def _count_below(
    counts: Int[Tensor, "T 2"], is_seen: Bool[Tensor, " T"], was_lost: Bool[Tensor, " T"]
) -> Int[Tensor, "T 2"]:
    """Only of active tracks: one found again by its query keeps the count it was lost with."""
    below = torch.where(is_seen, 0, counts[:, BELOW] + 1)
    return torch.stack([counts[:, LOST], torch.where(was_lost, counts[:, BELOW], below)], dim=1)


def _waiting(
    rows: Int[Tensor, " A"], counts: Int[Tensor, "T 2"], settings: TrackerSettings
) -> Waited:
    goes_on = torch.ones_like(rows, dtype=torch.bool)
    missed, limit = counts[rows, BELOW], settings.termination_steps
    return Waited(rows, missed, limit, goes_on, "termination_steps")


def _births(
    predictions: Predictions, num_tracks: int, settings: TrackerSettings, tell: Listener
) -> Int[Tensor, " _"]:
    scores = predictions.scores[num_tracks:]
    is_sure = scores > settings.birth_score
    tell(lambda: BirthsScored(scores, settings.birth_score, num_tracks, is_sure))
    return _rows(is_sure) + num_tracks


def _public_births(
    births: Int[Tensor, " N"],
    predictions: Predictions,
    settings: TrackerSettings,
    image_size: tuple[int, int],
    public_xyxy: Float[Tensor, "P 4"] | None,
    tell: Listener,
) -> Int[Tensor, " _"]:
    if public_xyxy is None:
        return births
    candidates = to_pixels_xyxy(predictions.boxes[births], image_size)
    is_allowed = allowed_births(candidates, public_xyxy, settings.public_rule)
    tell(lambda: PublicAsked(births, is_allowed))
    return births[is_allowed]


def _not_suppressed(
    tracks: Tracks,
    rows: Int[Tensor, " A"],
    scores: Float[Tensor, " T"],
    limit: tuple[Literal["track_nms_iou", "birth_nms_iou"], float | None],
    image_size: tuple[int, int],
    tell: Listener,
) -> Bool[Tensor, " A"]:
    """Which of some rows no better one overlaps; the others are deleted, not lost."""
    setting, iou = limit
    if iou is None:
        return torch.ones_like(rows, dtype=torch.bool)
    boxes = to_pixels_xyxy(tracks.boxes[rows], image_size)
    stays = non_maximum_suppression(boxes, scores[rows], iou)
    tell(lambda: Suppressed(rows, boxes, scores[rows], stays, setting, iou, deletes=True))
    return stays


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
    tell: Listener,
) -> Tracks:
    """The rows of (active, lost) tracks with what was counted."""
    active, lost = rows
    counts[lost, LOST] += 1
    frames_missed = torch.zeros_like(tracks.frames_missed)
    frames_missed[lost] = counts[lost, LOST]
    tracks = replace(
        tracks,
        published_counts=counts,
        frames_missed=frames_missed,
        unseen_for=frames_missed.float(),
    )
    tell(lambda: _lost(lost, tracks, counts, settings))
    lost = lost[_is_remembered(tracks, lost, counts, settings)]
    remembered = select_tracks(tracks, torch.cat([active, lost]))
    recent = most_recent(remembered, settings)
    tell(lambda: Crowded(remembered.ids, recent.ids, settings.max_tracks))
    return recent


def _lost(
    rows: Int[Tensor, " A"], tracks: Tracks, counts: Int[Tensor, "_ 2"], settings: TrackerSettings
) -> Waited:
    goes_on = _is_remembered(tracks, rows, counts, settings)
    return Waited(rows, counts[rows, LOST], settings.patience, goes_on, "patience")


def _rows(mask: Bool[Tensor, " A"]) -> Int[Tensor, " _"]:
    return torch.nonzero(mask)[:, 0]
