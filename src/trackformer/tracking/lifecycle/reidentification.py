"""Which lost tracks new detections find again, where a track's own query does not."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from trackformer.boxes import area, to_pixels_xyxy
from trackformer.predictions import Predictions
from trackformer.tracking.lifecycle.decisions import FoundAgain, Listener, nobody
from trackformer.tracking.lifecycle.public_detections import squared_center_distance
from trackformer.tracking.lifecycle.tracks import UNANSWERED, Tracks
from trackformer.tracking.settings import TrackerSettings


def find_again(
    lost: Tracks,
    predictions: Predictions,
    rows: Int[Tensor, " N"],
    settings: TrackerSettings,
    image_size: tuple[int, int],
    tell: Listener = nobody,
) -> Int[Tensor, " T"]:
    """The detection that each lost track comes back with.

    Args:
        lost: Tracks that no query of theirs shows in this frame.
        predictions: Answers of this frame's queries.
        rows: Those of the predictions that would begin tracks.
        settings: Largest distances; with both absent, nothing is found.
        image_size: (height, width) of the frame.
        tell: Hears how near those found are.

    Returns:
        For each lost track one of `rows`, each at most once, or `UNANSWERED`.
    """
    answers = torch.full_like(lost.ids, UNANSWERED)
    if len(lost.ids) == 0 or len(rows) == 0:
        return answers
    is_same_class = lost.labels[:, None] == predictions.labels[rows][None]
    if settings.reid_embedding_distance is not None:
        found, distance = _by_embedding(
            lost.embeddings,
            predictions.embeddings[rows].float(),
            is_same_class,
            settings.reid_embedding_distance,
            is_gated=settings.compatibility == "none",
        )
    elif settings.reid_center_distance is not None:
        found, distance = _by_center(
            to_pixels_xyxy(lost.boxes, image_size),
            to_pixels_xyxy(predictions.boxes[rows], image_size),
            is_same_class,
            settings.reid_center_distance,
            is_gated=settings.compatibility == "none",
        )
    else:
        return answers
    tell(lambda: _told(lost, rows, found, distance, settings))
    return torch.where(found == UNANSWERED, answers, rows[found])


def _told(
    lost: Tracks,
    rows: Int[Tensor, " N"],
    found: Int[Tensor, " T"],
    distance: Float[Tensor, "T N"],
    settings: TrackerSettings,
) -> FoundAgain:
    largest = settings.reid_embedding_distance
    if largest is not None:
        return FoundAgain(lost.ids, rows, found, distance, largest, "reid_embedding_distance")
    # The published step compares no distance of centres with a setting (`_by_center`).
    largest = settings.reid_center_distance if settings.compatibility == "none" else None
    return FoundAgain(lost.ids, rows, found, distance.sqrt(), largest, "reid_center_distance")


def _by_embedding(
    lost: Float[Tensor, "T C"],
    found: Float[Tensor, "N C"],
    is_possible: Bool[Tensor, "T N"],
    largest: float,
    *,
    is_gated: bool,
) -> tuple[Int[Tensor, " T"], Float[Tensor, "T N"]]:
    """One-to-one with the least sum of distances; not gated, pairs too far apart take part.

    Returns:
        Column of every track, or `UNANSWERED`; and the distances.
    """
    from scipy.optimize import linear_sum_assignment  # where it is wanted: it takes long to import

    distance = (lost[:, None] - found[None]).norm(dim=-1).nan_to_num(nan=torch.inf).double()
    is_near = distance <= largest
    is_possible = is_possible & distance.isfinite() & (is_near if is_gated else True)
    # More than all possible pairs together: as many tracks as can be come back.
    impossible = 1.0 + torch.where(is_possible, distance, 0.0).sum()
    costs = torch.where(is_possible, distance, impossible)
    tracks, columns = linear_sum_assignment(costs.cpu().numpy())
    return _accepted(tracks, columns, is_possible & is_near), distance


def _by_center(
    lost_xyxy: Float[Tensor, "T 4"],
    found_xyxy: Float[Tensor, "N 4"],
    is_possible: Bool[Tensor, "T N"],
    largest: float,
    *,
    is_gated: bool,
) -> tuple[Int[Tensor, " T"], Float[Tensor, "T N"]]:
    """Each track in turn takes the nearest detection left whose box, and its own, reach as far.

    Not gated, `largest` is not looked at: the published code overwrites a distance before it
    compares it.

    Returns:
        Column of every track, or `UNANSWERED`; and the squared distances.
    """
    distance = squared_center_distance(lost_xyxy, found_xyxy).double()
    is_possible = (
        is_possible
        & (distance <= area(lost_xyxy)[:, None])
        & (distance <= area(found_xyxy)[None])
        & (distance <= (largest**2 if is_gated else torch.inf))
    )
    left = torch.where(is_possible, distance, torch.inf).cpu().numpy()
    columns = np.zeros(len(left), dtype=np.int64)
    # What one track takes is no longer there for the next: one after the other.
    for track in range(len(left)):
        columns[track] = left[track].argmin()
        if np.isfinite(left[track, columns[track]]):
            left[track + 1 :, columns[track]] = np.inf
        else:
            columns[track] = UNANSWERED
    tracks = np.flatnonzero(columns != UNANSWERED)
    return _accepted(tracks, columns[tracks], is_possible), distance


def _accepted(
    tracks: Int[np.ndarray, " pairs"],
    columns: Int[np.ndarray, " pairs"],
    is_accepted: Bool[Tensor, "T N"],
) -> Int[Tensor, " T"]:
    """Column of every track, or `UNANSWERED`."""
    answers = np.full(len(is_accepted), UNANSWERED)
    is_good = is_accepted.cpu().numpy()[tracks, columns]
    answers[tracks[is_good]] = columns[is_good]
    return torch.from_numpy(answers).to(is_accepted.device)
