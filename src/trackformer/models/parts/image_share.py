"""Boxes of networks that count the padding in: shares of the padded picture, and of the image.

transformers trains its detectors so where their processor pads every picture to one size.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from trackformer.devices import constant_beside
from trackformer.types import DecoderOutput, DecoderQueries, Images, Memory, ProposalBoxes


def image_share(images: Images) -> Float[Tensor, "B 2"]:
    """Share of the padded (width, height) that each image fills."""
    padded = constant_beside(images.pixels, images.pixels.shape[-2:], torch.float32)
    return (images.image_sizes / padded).flip(-1)


def without_padding(images: Images) -> Images:
    """The same pixels, as if the padding were part of the images."""
    padded = constant_beside(images.pixels, images.pixels.shape[-2:], torch.long)
    return Images(
        images.pixels, torch.zeros_like(images.is_padding), padded.expand_as(images.image_sizes)
    )


def proposed_to_network(proposed: ProposalBoxes | None, memory: Memory) -> ProposalBoxes | None:
    """Boxes of another detector, as shares of what the network's boxes are shares of."""
    if proposed is None or memory.image_share is None:
        return proposed
    return replace(proposed, boxes=proposed.boxes * _columns(memory.image_share, 4))


def queries_to_network(queries: DecoderQueries, memory: Memory) -> DecoderQueries:
    """The same for the places where queries look first."""
    if memory.image_share is None:
        return queries
    share = _columns(memory.image_share, queries.reference.shape[-1])
    return replace(queries, reference=queries.reference * share)


def queries_from_network(queries: DecoderQueries, memory: Memory) -> DecoderQueries:
    """The network's own queries, with places that are shares of the image."""
    if memory.image_share is None:
        return queries
    share = _columns(memory.image_share, queries.reference.shape[-1])
    proposals = queries.proposals
    if proposals is not None:
        boxes = proposals.boxes / _columns(memory.image_share, 4)
        proposals = replace(proposals, boxes=boxes)
    return replace(queries, reference=queries.reference / share, proposals=proposals)


def answer_from_network(answer: DecoderOutput, memory: Memory) -> DecoderOutput:
    """Answers with boxes that are shares of the image."""
    if memory.image_share is None:
        return answer
    return replace(answer, boxes=answer.boxes / _columns(memory.image_share, 4))


def _columns(share: Float[Tensor, "B 2"], num_columns: int) -> Float[Tensor, "B 1 _"]:
    """For (x, y), or for (x, y, width, height)."""
    return share[:, None].repeat(1, 1, num_columns // 2)
