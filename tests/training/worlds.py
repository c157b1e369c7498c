"""Hand-made targets and model outputs for the tests of matching, losses and track queries."""

import torch
from torch import Tensor, tensor

from trackformer.types import Memory, ModelOutput, Target

SURE, SURELY_NOT = 4.0, -4.0


def target(boxes=(), *, ids=None, labels=None, visibility=None, ignore=()) -> Target:
    """Objects of one image; by default visible, of class 0, with ids 1, 2, ..."""
    count = len(boxes)
    return Target(
        boxes=tensor(boxes, dtype=torch.float).reshape(-1, 4),
        labels=tensor(labels or [0] * count, dtype=torch.long),
        track_ids=tensor(ids or range(1, count + 1), dtype=torch.long),
        visibility=tensor(visibility or [1.0] * count),
        ignore_boxes=tensor(ignore, dtype=torch.float).reshape(-1, 4),
    )


def box(x: float, y: float, size: float = 0.1) -> list[float]:
    """A square around (x, y)."""
    return [x, y, size, size]


def output(
    boxes, logits=None, *, tracks: int = 0, layers: int = 1, softmax: bool = False, padding=None
) -> ModelOutput:
    """What a model might answer; `boxes` per image and query, `logits` of one class, default 0."""
    boxes = tensor(boxes, dtype=torch.float)
    batch_size, num_queries = boxes.shape[:2]
    if logits is None:
        logits = torch.zeros(batch_size, num_queries, 1 + softmax)
    logits = torch.as_tensor(logits, dtype=torch.float).reshape(batch_size, num_queries, -1)
    if padding is None:
        padding = torch.zeros(batch_size, num_queries, dtype=torch.bool)
    return ModelOutput(
        class_logits=logits[None].repeat(layers, 1, 1, 1),
        boxes=boxes[None].repeat(layers, 1, 1, 1),
        embeddings=torch.arange(num_queries, dtype=torch.float)[None, :, None].repeat(
            batch_size, 1, 4
        ),
        is_padding=padding,
        memory=nothing_seen(batch_size),
        num_track_queries=tracks,
        has_no_object_class=softmax,
    )


def nothing_seen(batch_size: int) -> Memory:
    """A memory that nobody reads."""
    empty = torch.zeros(batch_size, 0, 4)
    return Memory(empty, empty[..., 0].bool(), (), torch.ones(batch_size, 0, 2))


def nobody_carried(batch_size: int = 1) -> Tensor:
    """No track queries."""
    return torch.zeros(batch_size, 0, dtype=torch.long)
