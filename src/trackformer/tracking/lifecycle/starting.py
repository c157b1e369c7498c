"""Tracks that a user begins: a box of theirs, and the object query that is nearest to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from trackformer.boxes import cxcywh_to_xyxy, pairwise_giou, pairwise_iou, to_relative_cxcywh
from trackformer.errors import ConfigError, DataError
from trackformer.predictions import Predictions
from trackformer.tracking.lifecycle.decisions import Listener, Replaced, Started
from trackformer.tracking.lifecycle.tracks import NO_LABEL, Start, Tracks
from trackformer.tracking.settings import TrackerSettings


def starting(
    tracks: Tracks,
    boxes_xyxy: Shaped[np.ndarray, "S 4"],
    labels: Sequence[int] | None,
    num_classes: int,
    settings: TrackerSettings,
) -> Tracks:
    """The same tracks, once a user has said what begins in the next frame.

    Args:
        tracks: After the frame before.
        boxes_xyxy: In pixels of the next frame.
        labels: A class of each; None: what the model takes them for.
        num_classes: That there are.
        settings: Of the tracker.

    Raises:
        ConfigError: The published tracker is followed, which cannot.
        DataError: A box without area or that is not finite, or another number of labels.
    """
    if settings.compatibility == "reference":
        raise ConfigError("start: expected compatibility none; the published tracker cannot")
    known = [NO_LABEL] * len(boxes_xyxy) if labels is None else [int(label) for label in labels]
    if len(known) != len(boxes_xyxy):
        raise DataError(f"start: expected a label for each of {len(boxes_xyxy)}, got {len(known)}")
    starts = []
    for box, label in zip(boxes_xyxy.astype(float).tolist(), known, strict=True):
        left, top, right, bottom = box
        if not (np.isfinite(box).all() and left < right and top < bottom):
            raise DataError(
                f"start: expected a box as left < right, top < bottom in pixels, got {box}"
            )
        if label != NO_LABEL and not 0 <= label < num_classes:
            raise DataError(f"start: expected a label from 0 to {num_classes - 1}, got {label}")
        starts.append(Start((left, top, right, bottom), label))
    return replace(tracks, starting=(*tracks.starting, *starts))


def places_of(tracks: Tracks, image_size: tuple[int, int]) -> Float[Tensor, "S 4"]:
    """The boxes of those that begin, relative cxcywh."""
    boxes = torch.tensor([start.box_xyxy for start in tracks.starting], dtype=torch.float32)
    return to_relative_cxcywh(boxes.reshape(-1, 4), image_size)


@dataclass(frozen=True, slots=True, eq=False)
class Begun:
    """Which queries begin what a user has asked for."""

    rows: Int[Tensor, " S"]
    """Of the predictions."""
    predictions: Predictions
    """With the user's boxes and classes in these rows: who draws a box knows better."""


def begun(
    tracks: Tracks,
    predictions: Predictions,
    image_size: tuple[int, int],
    tell: Listener,
) -> Begun:
    """Each user's box gets an object query of its own, the nearest by GIoU in all, at any score.

    Raises:
        DataError: More boxes than object queries.
    """
    if not tracks.starting:
        return Begun(torch.zeros(0, dtype=torch.long), predictions)
    places = places_of(tracks, image_size)
    first = len(tracks.ids)
    boxes_xyxy = cxcywh_to_xyxy(places)
    answers_xyxy = cxcywh_to_xyxy(predictions.boxes[first:]).nan_to_num()
    if len(places) > len(answers_xyxy):
        raise DataError(
            f"start: expected at most {len(answers_xyxy)} boxes, as many as the model has object "
            f"queries, got {len(places)}"
        )
    nearness = pairwise_giou(boxes_xyxy, answers_xyxy)
    # Imported only where a user begins tracks, as it takes long.
    from scipy.optimize import linear_sum_assignment

    _, columns = linear_sum_assignment(nearness.numpy(), maximize=True)
    rows = first + torch.from_numpy(columns).long()
    overlap = pairwise_iou(boxes_xyxy, cxcywh_to_xyxy(predictions.boxes[rows])).diagonal()
    tell(lambda: Started(rows, overlap))
    given = torch.tensor([start.label for start in tracks.starting], dtype=torch.long)
    labels = torch.where(given == NO_LABEL, predictions.labels[rows], given)
    changed = replace(
        predictions,
        boxes=predictions.boxes.index_put((rows,), places.to(predictions.boxes.dtype)),
        labels=predictions.labels.index_put((rows,), labels),
    )
    return Begun(rows, changed)


def replaced_by_user(
    by_user: Begun,
    tracks: Tracks,
    places: Float[Tensor, "T 4"],
    present: Int[Tensor, " A"],
    settings: TrackerSettings,
    tell: Listener,
) -> Int[Tensor, " _"]:
    """Rows of the tracks that end because a user's box is on the same object.

    Their own identity could not go on: a user has been told that of the new track before the frame
    was seen. Other tracks of a user stay, as who draws two boxes means two objects.

    Args:
        by_user: What begins.
        tracks: Of before the frame.
        places: Where each is now.
        present: Rows of those that are seen, or waited for.
        settings: `birth_nms_iou` says which boxes are on one object; None: none is.
        tell: Hears of it.
    """
    iou = settings.birth_nms_iou
    if iou is None or len(by_user.rows) == 0:
        return present[:0]
    rows = present[~tracks.is_started[present]]
    boxes = cxcywh_to_xyxy(by_user.predictions.boxes[by_user.rows])
    overlap = pairwise_iou(cxcywh_to_xyxy(places[rows]), boxes)
    is_replaced = (overlap > iou).any(1)
    tell(lambda: Replaced(rows, overlap, is_replaced, by_user.rows, iou))
    return rows[is_replaced]
