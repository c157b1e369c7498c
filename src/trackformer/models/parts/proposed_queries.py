"""How boxes of another detector become object queries behind a detector's own."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from trackformer.boxes import cxcywh_to_xyxy, paired_iou
from trackformer.devices import constant_beside
from trackformer.types import DecoderQueries, Memory, ProposalBoxes


@runtime_checkable
class MadeOfBoxes(Protocol):
    """A source of queries that are made of nothing but their boxes."""

    def asked_at(
        self, boxes: Float[Tensor, "B Q 4"]
    ) -> tuple[Float[Tensor, "B Q C"], Float[Tensor, "B Q C"]]:
        """Content and position."""
        ...


def with_places(
    queries: DecoderQueries, proposed: ProposalBoxes | None, source: nn.Module
) -> DecoderQueries:
    """The queries of a source, and behind them those that it would have at the proposed boxes."""
    if proposed is None:
        return queries
    if isinstance(source, MadeOfBoxes):
        boxes = proposed.boxes.to(queries.reference.dtype)
        return with_proposed(queries, proposed, *source.asked_at(boxes))
    return asked_like_nearest(queries, proposed)


def with_proposed(
    queries: DecoderQueries,
    proposed: ProposalBoxes,
    content: Float[Tensor, "B P C"],
    position: Float[Tensor, "B P C"],
) -> DecoderQueries:
    """A detector's own queries, then those that start from the proposed boxes."""
    reference = proposed.boxes[..., : queries.reference.shape[-1]]
    return replace(
        queries,
        content=torch.cat([queries.content, content.to(queries.content.dtype)], dim=1),
        position=torch.cat([queries.position, position.to(queries.position.dtype)], dim=1),
        reference=torch.cat([queries.reference, reference.to(queries.reference.dtype)], dim=1),
        is_padding=torch.cat([queries.is_padding, proposed.is_padding], dim=1),
    )


def asked_like_nearest(queries: DecoderQueries, proposed: ProposalBoxes) -> DecoderQueries:
    """Learned queries, then the proposed boxes, each asked as the nearest learned one asks.

    A learned query looks for the objects around its own place (Zhu et al. 2021, section 4.2).
    """
    nearest = torch.cdist(proposed.boxes[..., :2], queries.reference[..., :2].float()).argmin(-1)
    rows = nearest[..., None].expand(-1, -1, queries.content.shape[-1])
    content, position = queries.content.gather(1, rows), queries.position.gather(1, rows)
    return with_proposed(queries, proposed, content, position)


def cells_under(boxes: Float[Tensor, "B P 4"], memory: Memory) -> Int[Tensor, "B P L"]:
    """Which token of each level lies under the centre of each box (relative to the image)."""
    cells, first = [], 0
    for level, (height, width) in enumerate(memory.level_shapes):
        sides = constant_beside(boxes, (width, height), boxes.dtype)
        place = boxes[..., :2] * memory.valid_ratios[:, None, level] * sides
        column, row = (
            axis.long().clamp(0, size - 1)
            for axis, size in zip(place.unbind(-1), (width, height), strict=True)
        )
        cells.append(first + row * width + column)
        first += height * width
    return torch.stack(cells, dim=-1)


def most_overlapping(
    candidates: Float[Tensor, "B P L 4"], boxes: Float[Tensor, "B P 4"]
) -> Int[Tensor, "B P"]:
    """Which of L candidates overlaps each box most."""
    wanted = boxes[:, :, None].expand_as(candidates)
    overlap = paired_iou(
        cxcywh_to_xyxy(candidates.flatten(0, 2)), cxcywh_to_xyxy(wanted.flatten(0, 2))
    )
    return overlap.view(candidates.shape[:3]).argmax(-1)
