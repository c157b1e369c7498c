"""Several trackers' questions in one decoder pass: padded to the most tracks, then taken apart."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from trackformer.tracking.settings import TrackerSettings
from trackformer.tracking.tracks import Tracks, as_track_queries
from trackformer.types import ModelOutput, Predictions, TrackQueries


def ask_together(
    tracks: Sequence[Tracks],
    settings: Sequence[TrackerSettings],
    device: torch.device | str,
    slots: int | None = None,
) -> TrackQueries:
    """The track queries of B trackers as one batch.

    Args:
        tracks: The state of each tracker, on the processor.
        settings: Of each tracker: how its reference boxes move on.
        device: The model's; nothing waits for it.
        slots: Rows per tracker, at least the most tracks that one has; None: exactly these.
    """
    asked = [as_track_queries(each, own) for each, own in zip(tracks, settings, strict=True)]
    return padded_together(asked, slots).to(device)


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
    """Each tracker's answers, without the padding: first its tracks, then the object queries.

    They are on the processor, where tracks are decided on: one transfer, and the only time that a
    frame waits for its device. Asked one by one there, each decision would wait.
    """
    scores, labels = output.class_scores().max(-1)
    is_padding, *columns = on_processor(
        output.is_padding[..., None],
        scores[..., None],
        labels[..., None],
        output.boxes[-1],
        output.embeddings,
    )
    objects = torch.arange(output.num_track_queries, output.boxes.shape[2])
    answers = []
    for image, each in enumerate(tracks):
        # Proposals are the last of them, and ragged.
        is_asked = is_padding[image, output.num_track_queries :, 0] == 0
        rows = torch.cat([torch.arange(len(each.ids)), objects[is_asked]])
        scores, labels, boxes, embeddings = (column[image, rows] for column in columns)
        answers.append(Predictions(scores[:, 0], labels[:, 0].long(), boxes, embeddings))
    return answers


def on_processor(
    *columns: Float[Tensor, "*rows _"] | Int[Tensor, "*rows _"] | Bool[Tensor, "*rows _"],
) -> tuple[Float[Tensor, "*rows _"], ...]:
    """Numbers of the same rows in one transfer, as float32: whole ones are exact below 2^24."""
    together = torch.cat([column.float() for column in columns], dim=-1).cpu()
    return torch.split_with_sizes(together, [column.shape[-1] for column in columns], dim=-1)


def _longer(rows: Tensor, length: int, value: float) -> Tensor:
    missing = length - rows.shape[1]
    return torch.cat([rows, rows.new_full((1, missing, rows.shape[2]), value)], dim=1)
