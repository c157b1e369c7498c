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
from trackformer.predictions import Predictions
from trackformer.tracking.lifecycle.decisions import (
    BirthsScored,
    Born,
    Crowded,
    Listener,
    PlacesTaken,
    PublicAsked,
    Suppressed,
    TracksScored,
    Waited,
    nobody,
)
from trackformer.tracking.lifecycle.public_detections import allowed_births
from trackformer.tracking.lifecycle.published import advance_as_published
from trackformer.tracking.lifecycle.reidentification import find_again
from trackformer.tracking.lifecycle.starting import begun, replaced_by_user
from trackformer.tracking.lifecycle.tracks import (
    UNANSWERED,
    Tracks,
    add_births,
    most_recent,
    select_tracks,
    update_tracks,
)
from trackformer.tracking.settings import TrackerSettings


def advance(
    tracks: Tracks,
    predictions: Predictions,
    settings: TrackerSettings,
    image_size: tuple[int, int] = (1, 1),
    public_xyxy: Float[Tensor, "P 4"] | None = None,
    tell: Listener = nobody,
) -> Tracks:
    """The state after one more frame.

    Args:
        tracks: State whose T rows were asked as track queries.
        predictions: Answers for these T queries, then for the object queries.
        settings: Thresholds.
        image_size: (height, width) of the frame: distances are measured in its pixels.
        public_xyxy: Detections, in pixels, without which no track is born; None: all may be.
        tell: Hears of every decision and what was compared for it; has no influence.

    Returns:
        First the tracks of before, in their order, without those given up; then those that a user
        begins (`Tracks.starting`), in their order; then the newly born. Where a user's box lies on
        a track that the tracker began, that track ends: one object has one identity, the user's.
        A lost track keeps the box, displacement and embedding of the frame that last saw it.
    """
    if settings.clip_boxes:
        inside = cxcywh_to_xyxy(predictions.boxes).clamp(0, 1)
        predictions = replace(predictions, boxes=xyxy_to_cxcywh(inside))
    if settings.compatibility == "reference":
        return advance_as_published(tracks, predictions, settings, image_size, public_xyxy, tell)
    usable = torch.where(_is_usable(predictions.boxes), predictions.scores, 0.0)
    predictions = replace(predictions, scores=usable)
    was_lost = tracks.frames_missed >= settings.termination_steps
    is_seen = _seen(was_lost, tracks.is_started, predictions, settings, tell)
    # Not seen, but not yet lost either: still where it was.
    is_waiting = ~is_seen & (tracks.frames_missed + 1 < settings.termination_steps)
    present = torch.cat([torch.nonzero(is_seen), torch.nonzero(is_waiting)])[:, 0]
    places = torch.where(is_waiting[:, None], tracks.boxes, predictions.boxes[: len(is_seen)])
    births = _births(predictions, len(is_seen), settings, tell)
    by_user = begun(tracks, predictions, image_size, tell)
    predictions, started = by_user.predictions, by_user.rows
    replaced = replaced_by_user(by_user, tracks, places, present, settings, tell)
    births = births[~torch.isin(births, started)]
    # Nothing else begins where a user's box is.
    places = torch.cat([places, predictions.boxes[len(is_seen) :]])
    present = torch.cat([present, started])
    if public_xyxy is not None:
        candidates = to_pixels_xyxy(predictions.boxes[births], image_size)
        is_allowed = allowed_births(candidates, public_xyxy, settings.public_rule)
        tell(lambda: PublicAsked(births, is_allowed))
        births = births[is_allowed]
    births = _without_duplicates(births, predictions, places, present, settings, tell)
    lost = torch.nonzero(~is_seen & ~is_waiting)[:, 0]
    lost_tracks = select_tracks(tracks, lost)
    found = find_again(lost_tracks, predictions, births, settings, image_size, tell)
    answers = torch.where(is_seen, torch.arange(len(is_seen), device=is_seen.device), UNANSWERED)
    answers[lost] = found
    num_reidentified = int((was_lost & is_seen).sum()) + int((found != UNANSWERED).sum())
    updated = update_tracks(tracks, predictions, answers, num_reidentified, settings)
    tell(lambda: _waited(is_waiting, updated, settings))
    updated = add_births(updated, predictions, started, by_user=True)
    new = births[~torch.isin(births, found)]
    tell(lambda: Born(new))
    updated = add_births(updated, predictions, new)
    return _without_given_up(updated, tracks.ids[replaced], settings, tell)


def _is_usable(boxes: Float[Tensor, "Q 4"]) -> Bool[Tensor, " Q"]:
    """False for NaN, infinite and empty boxes, which no track may take over."""
    return torch.isfinite(boxes).all(-1) & (boxes[:, 2:] > 0).all(-1)


def _seen(
    was_lost: Bool[Tensor, " T"],
    is_started: Bool[Tensor, " T"],
    predictions: Predictions,
    settings: TrackerSettings,
    tell: Listener,
) -> Bool[Tensor, " T"]:
    """Which tracks their own queries show."""
    scores = predictions.scores[: len(was_lost)]
    thresholds = torch.where(was_lost, settings.reid_score, settings.keep_score)
    is_above = scores > thresholds
    tell(lambda: TracksScored(scores, thresholds, was_lost, is_above))
    if settings.track_nms_iou is None:
        return is_above
    iou = settings.track_nms_iou
    rows = torch.nonzero(is_above)[:, 0]
    boxes = cxcywh_to_xyxy(predictions.boxes[rows])
    # A user's are surer than all others: no track of the tracker's own suppresses them.
    sureness = scores[rows] + is_started[rows]
    stays = non_maximum_suppression(boxes, sureness, iou)
    tell(lambda: Suppressed(rows, boxes, sureness, stays, "track_nms_iou", iou))
    return is_above.index_put((rows,), stays)


def _births(
    predictions: Predictions, num_tracks: int, settings: TrackerSettings, tell: Listener
) -> Int[Tensor, " _"]:
    """Rows of the object queries that are sure enough to begin a track."""
    scores = predictions.scores[num_tracks:]
    is_sure = scores > settings.birth_score
    tell(lambda: BirthsScored(scores, settings.birth_score, num_tracks, is_sure))
    return torch.nonzero(is_sure)[:, 0] + num_tracks


def _without_duplicates(
    births: Int[Tensor, " N"],
    predictions: Predictions,
    places: Float[Tensor, "T 4"],
    present: Int[Tensor, " A"],
    settings: TrackerSettings,
    tell: Listener,
) -> Int[Tensor, " _"]:
    """Those births that overlap neither the box of a track that is present nor a better birth."""
    iou = settings.birth_nms_iou
    if iou is None:
        return births
    # First the tracks, which never suppress each other here, then births among themselves.
    occupied = cxcywh_to_xyxy(places[present])
    overlap = pairwise_iou(cxcywh_to_xyxy(predictions.boxes[births]), occupied)
    is_free = ~(overlap > iou).any(1)
    free = births[is_free]
    tell(lambda: PlacesTaken(births, overlap, is_free, present, iou))
    boxes, scores = cxcywh_to_xyxy(predictions.boxes[free]), predictions.scores[free]
    stays = non_maximum_suppression(boxes, scores, iou)
    tell(lambda: Suppressed(free, boxes, scores, stays, "birth_nms_iou", iou))
    return free[stays]


def _waited(is_waiting: Bool[Tensor, " T"], tracks: Tracks, settings: TrackerSettings) -> Waited:
    rows = torch.nonzero(is_waiting)[:, 0]
    missed, limit = tracks.frames_missed[rows], settings.termination_steps
    return Waited(rows, missed, limit, torch.ones_like(rows, dtype=torch.bool), "termination_steps")


def _without_given_up(
    tracks: Tracks, replaced_ids: Int[Tensor, " _"], settings: TrackerSettings, tell: Listener
) -> Tracks:
    if settings.patience_s is None:
        longest = settings.patience + settings.termination_steps - 1
        is_remembered = tracks.frames_missed <= longest
    else:
        # Sums of the times between frames are as exact as float32.
        is_remembered = tracks.unseen_for <= settings.patience_s * (1 + 1e-4)
    tell(lambda: _lost(tracks, is_remembered, settings))
    is_remembered = is_remembered & ~torch.isin(tracks.ids, replaced_ids)
    remembered = select_tracks(tracks, torch.nonzero(is_remembered)[:, 0])
    recent = most_recent(remembered, settings)
    tell(lambda: Crowded(remembered.ids, recent.ids, settings.max_tracks))
    return recent


def _lost(tracks: Tracks, is_remembered: Bool[Tensor, " T"], settings: TrackerSettings) -> Waited:
    num_lost = tracks.frames_missed - settings.termination_steps + 1
    rows = torch.nonzero(num_lost > 0)[:, 0]
    goes_on = is_remembered[rows]
    if settings.patience_s is not None:
        return Waited(rows, tracks.unseen_for[rows], settings.patience_s, goes_on, "patience_s")
    return Waited(rows, num_lost[rows], settings.patience, goes_on, "patience")
