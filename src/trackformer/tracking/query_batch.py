"""How track queries of several trackers become one padded tensor, and answers each tracker's.

Only tensors: `steps` takes one frame of several trackers, `videos.streams` whole videos.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from trackformer.devices import fetched_together
from trackformer.errors import CheckpointError
from trackformer.models.parts.slots import HARMLESS, NOTHING, PADDED, lengthened
from trackformer.tracking.lifecycle.tracks import Tracks, as_track_queries
from trackformer.tracking.settings import TrackerSettings
from trackformer.types import ModelOutput, Origins, Predictions, TrackQueries


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
        embeddings.append(lengthened(queries.embeddings, most, NOTHING))
        boxes.append(lengthened(queries.boxes, most, HARMLESS))
        padding.append(lengthened(queries.is_padding, most, PADDED))
    return TrackQueries(torch.cat(embeddings), torch.cat(boxes), torch.cat(padding))


def refuse_no_numbers(scores: Float[Tensor, "*rows"]) -> None:
    """Refuse answers of which none is a number: such a model finds nothing, without a word.

    Raises:
        CheckpointError: All scores are NaN.
    """
    if scores.numel() > 0 and bool(scores.isnan().all()):
        raise CheckpointError(
            "the model's answers are no numbers: every score is NaN; its weights are damaged, or "
            "do not belong to its settings"
        )


def answers_apart(
    output: ModelOutput, tracks: Sequence[Tracks], *, with_origins: bool = False
) -> list[Predictions]:
    """Each tracker's answers, without the padding: first its tracks, then the object queries.

    They are on the processor, where tracks are decided on: one transfer, and the only time that a
    frame waits for its device. Asked one by one there, each decision would wait.

    Args:
        output: For all the trackers.
        tracks: The state that each had asked with.
        with_origins: Also how the answers came about, which is a second transfer.
    """
    scores, labels = output.class_scores().max(-1)
    is_padding, *columns = fetched_together(
        [output.is_padding, scores, labels, output.boxes[-1], output.embeddings]
    )
    refuse_no_numbers(columns[0])
    objects = torch.arange(output.num_track_queries, output.boxes.shape[2])
    answers = []
    for image, each in enumerate(tracks):
        # Proposals are the last of them, and ragged.
        is_asked = is_padding[image, output.num_track_queries :] == 0
        rows = torch.cat([torch.arange(len(each.ids)), objects[is_asked]])
        scores, labels, boxes, embeddings = (column[image, rows] for column in columns)
        origins = _origins(output, image, rows) if with_origins else None
        answers.append(Predictions(scores, labels.long(), boxes, embeddings, origins))
    return answers


def _origins(output: ModelOutput, image: int, rows: Int[Tensor, " Q"]) -> Origins:
    layers = range(len(output.class_logits))
    scores = torch.stack([output.class_scores(layer)[image].amax(-1) for layer in layers])
    columns = [scores, output.boxes[:, image].float()]
    if output.references is not None:
        columns.append(output.references[image].float())
    scores, boxes, *references = fetched_together(columns)
    first_proposed = output.boxes.shape[2] - output.num_proposed
    return Origins(
        layer_scores=scores[:, rows],
        layer_boxes=boxes[:, rows],
        references=references[0][rows] if references else None,
        num_proposed=int((rows >= first_proposed).sum()),
    )
