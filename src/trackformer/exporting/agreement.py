"""Whether an exported model answers as the model it was made of."""

from __future__ import annotations

import math
from itertools import islice
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor

from trackformer.demo_clip import clip_file
from trackformer.models.frame_model import FrameModel
from trackformer.tracking.prepared_frame import prepare
from trackformer.tracking.query_batch import padded_together
from trackformer.tracking.steps import images_together
from trackformer.types import Images, ModelOutput, TrackQueries
from trackformer.video.sources import open_source

TOLERANCE: Final = 1e-2
"""Rounding makes 1e-5. Rarely it also decides which of two equally good encoder cells becomes the
last object query, which the others notice a little."""
NUM_TRACKS: Final = 5
NUM_COMPARED: Final = 20
"""Object queries of an image that are compared, the best ones: those that could become tracks."""


@torch.inference_mode()
def largest_difference(model: FrameModel, exported: FrameModel) -> float:
    """Ask both about two frames of the bundled clip: with no tracks, with some, and in a batch.

    Args:
        model: On the processor.
        exported: What was made of it.

    Returns:
        Of scores, boxes (shares of the image) and embeddings (shares of the largest number in
        them); infinite where shapes differ. Track queries are compared one by one, object queries
        with the most similar one: rounding may change their order.
    """
    first, second = _probe_images(model)
    found = model(first)
    before = found.memory.frame
    best = found.class_scores().amax(-1)[0].topk(NUM_TRACKS).indices
    some, few = _queries(found, best), _queries(found, best[:2])
    differences = [
        _difference(found, exported(first)),
        _difference(model(second, some, before), exported(second, some, before)),
    ]
    both, asked = images_together([first, second]), padded_together([few, some])
    differences.append(_difference(model(both, asked), exported(both, asked)))
    return max(differences)


def _probe_images(model: FrameModel) -> list[Images]:
    with clip_file() as path, open_source(path) as source:
        return [prepare(model, frame.pixels, model.device) for frame in islice(source, 2)]


def _queries(found: ModelOutput, rows: Tensor) -> TrackQueries:
    return TrackQueries(
        found.embeddings[:, rows], found.boxes[-1][:, rows], found.is_padding[:, rows]
    )


def _difference(expected: ModelOutput, got: ModelOutput) -> float:
    if expected.class_scores().shape != got.class_scores().shape:
        return math.inf
    scale = expected.embeddings.abs().max()
    num_tracks = expected.num_track_queries
    differences = []
    for image in range(len(expected.embeddings)):
        rows, others = (_columns(each, image, scale) for each in (expected, got))
        is_asked = ~expected.is_padding[image, :num_tracks]
        differences.append((rows - others)[:num_tracks][is_asked].abs().flatten())
        ours, theirs = rows[num_tracks:], others[num_tracks:]
        differences += [_to_most_similar(ours, theirs), _to_most_similar(theirs, ours)]
    # Unlike Python's, this maximum does not overlook what is not a number.
    return float(torch.cat(differences).max().nan_to_num(math.inf))


def _columns(output: ModelOutput, image: int, scale: Tensor) -> Float[Tensor, "Q _"]:
    """All that is answered to each query; the best class's score comes first."""
    scores = output.class_scores()[image]
    best = scores.amax(-1, keepdim=True)
    return torch.cat(
        [best, scores, output.boxes[-1, image], output.embeddings[image] / scale], dim=-1
    )


def _to_most_similar(rows: Float[Tensor, "N _"], others: Float[Tensor, "N _"]) -> Tensor:
    """How far the best rows are from the nearest of others: their largest difference."""
    best = rows[:, 0].topk(min(NUM_COMPARED, len(rows))).indices
    return torch.cdist(rows[best], others, p=math.inf).amin(-1)
