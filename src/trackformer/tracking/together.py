"""Several trackers' questions in one decoder pass: padded to the most tracks, then taken apart."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from trackformer.tracking.settings import TrackerSettings
from trackformer.tracking.tracks import Tracks, as_track_queries
from trackformer.types import ModelOutput, Predictions, TrackQueries, predictions_of


def ask_together(
    tracks: Sequence[Tracks], settings: Sequence[TrackerSettings], slots: int | None = None
) -> TrackQueries:
    """The track queries of B trackers as one batch.

    Args:
        tracks: The state of each tracker.
        settings: Of each tracker: how its reference boxes move on.
        slots: Rows per tracker, at least the most tracks that one has; None: exactly these.
    """
    asked = [as_track_queries(each, own) for each, own in zip(tracks, settings, strict=True)]
    return padded_together(asked, slots)


def padded_together(asked: Sequence[TrackQueries], slots: int | None = None) -> TrackQueries:
    """The queries of B images, each a batch of one with its own number of rows, as one batch.

    Args:
        asked: The queries of each image.
        slots: Rows per image, at least the most of any; None: exactly these.
    """
    most = max(queries.embeddings.shape[1] for queries in asked) if slots is None else slots
    embeddings, boxes, padding = [], [], []
    for queries in asked:
        size = (1, most - queries.embeddings.shape[1])
        embeddings.append(_longer(queries.embeddings, most, 0.0))
        # A box in the middle: padding must be harmless, not absent, to every layer.
        boxes.append(_longer(queries.boxes, most, 0.5))
        padding.append(torch.cat([queries.is_padding, queries.is_padding.new_ones(size)], dim=1))
    return TrackQueries(torch.cat(embeddings), torch.cat(boxes), torch.cat(padding))


def in_slots(num_tracks: int, slots_of: int) -> int:
    """The next multiple of `slots_of`: as few shapes as multiples are in use.

    >>> in_slots(0, 16), in_slots(1, 16), in_slots(17, 16)
    (0, 16, 32)
    """
    return -(-num_tracks // slots_of) * slots_of


def answers_apart(output: ModelOutput, tracks: Sequence[Tracks]) -> list[Predictions]:
    """Each tracker's answers, without the padding: first its tracks, then the object queries."""
    num_queries = output.boxes.shape[2]
    answers = []
    for image, each in enumerate(tracks):
        whole = predictions_of(output, image)
        device = whole.scores.device
        own = torch.arange(len(each.ids), device=device)
        objects = torch.arange(output.num_track_queries, num_queries, device=device)
        # Proposals are the last of them, and ragged.
        objects = objects[~output.is_padding[image, output.num_track_queries :]]
        rows = torch.cat([own, objects])
        answers.append(
            Predictions(
                whole.scores[rows], whole.labels[rows], whole.boxes[rows], whole.embeddings[rows]
            )
        )
    return answers


def _longer(rows: torch.Tensor, length: int, value: float) -> torch.Tensor:
    missing = length - rows.shape[1]
    return torch.cat([rows, rows.new_full((1, missing, rows.shape[2]), value)], dim=1)
