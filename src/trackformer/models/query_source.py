"""Where Deformable DETR's object queries come from: learned, or the encoder's best proposals."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from trackformer.boxes import exact
from trackformer.models.deformable_transformer import cell_centres
from trackformer.models.parts.heads import MLP
from trackformer.models.parts.position_encoding import sine_features
from trackformer.models.settings import DeformableDetrSettings
from trackformer.types import DecoderQueries, Memory, Proposals

FINEST_PROPOSAL_SIZE = 0.05
"""Relative width and height proposed on the finest level; it doubles from level to level."""


def build_query_source(settings: DeformableDetrSettings) -> nn.Module:
    """Proposals, learned boxes or learned points, as the settings say."""
    size, num_queries = settings.embedding_size, settings.num_queries
    if settings.two_stage:
        return ProposalQueries(size, num_queries)
    kind = AnchorQueries if settings.box_anchors else LearnedQueries
    return kind(size, num_queries)


class LearnedQueries(nn.Module):
    """Object queries that are the same for every image (Zhu et al. 2021, section 4.2)."""

    def __init__(self, embedding_size: int, num_queries: int) -> None:
        super().__init__()
        self.position = nn.Parameter(torch.randn(num_queries, embedding_size))
        self.content = nn.Parameter(torch.randn(num_queries, embedding_size))
        self.reference_points = nn.Linear(embedding_size, 2)
        nn.init.xavier_uniform_(self.reference_points.weight)
        nn.init.zeros_(self.reference_points.bias)

    def forward(self, memory: Memory) -> DecoderQueries:
        """The same queries for every image of `memory`."""
        reference = exact(self.reference_points(self.position)).sigmoid()
        content, position, reference = (
            rows[None].expand(memory.tokens.shape[0], -1, -1)
            for rows in (self.content, self.position, reference)
        )
        is_padding = memory.is_padding.new_zeros(content.shape[:2])
        return DecoderQueries(content, position, reference, is_padding)


class AnchorQueries(nn.Module):
    """Learned object queries that start from boxes, not points (Liu et al. 2022, DAB-DETR)."""

    def __init__(self, embedding_size: int, num_queries: int) -> None:
        super().__init__()
        self.position = nn.Parameter(torch.randn(num_queries, embedding_size))
        self.content = nn.Parameter(torch.randn(num_queries, embedding_size))
        # Before the sigmoid: centres all over the image, sizes of about 0.12 as of points' boxes.
        centres = torch.rand(num_queries, 2).logit(eps=1e-3)
        self.anchors = nn.Parameter(torch.cat([centres, torch.full_like(centres, -2.0)], dim=1))

    def forward(self, memory: Memory) -> DecoderQueries:
        """The same queries for every image of `memory`."""
        content, position, reference = (
            rows[None].expand(memory.tokens.shape[0], -1, -1)
            for rows in (self.content, self.position, self.anchors.sigmoid())
        )
        is_padding = memory.is_padding.new_zeros(content.shape[:2])
        return DecoderQueries(content, position, reference, is_padding)


class BoxPosition(nn.Module):
    """Adds what a query's present box says to its positional part (DAB-DETR, section 4.2).

    Track queries have no other positional part: this alone tells the others where they are.
    """

    def __init__(self, embedding_size: int) -> None:
        super().__init__()
        self.num_features = embedding_size // 2
        self.projection = MLP(2 * embedding_size, embedding_size, embedding_size, num_layers=2)

    def forward(self, queries: DecoderQueries, boxes: Float[Tensor, "B Q 4"]) -> DecoderQueries:
        """The same queries, placed at `boxes` (relative cxcywh)."""
        features = sine_features(boxes * (2 * math.pi), self.num_features).flatten(2)
        added = self.projection(features.to(queries.position.dtype))
        return replace(queries, position=queries.position + added)


class ProposalQueries(nn.Module):
    """Lets every token propose a box and turns the best ones into object queries.

    Zhu et al. 2021, section 4.3 and appendix A.4.
    """

    def __init__(self, embedding_size: int, num_queries: int) -> None:
        super().__init__()
        self.embedding_size = embedding_size
        self.num_queries = num_queries
        self.token_projection = nn.Linear(embedding_size, embedding_size)
        self.token_norm = nn.LayerNorm(embedding_size)
        self.query_projection = nn.Linear(2 * embedding_size, 2 * embedding_size)
        self.query_norm = nn.LayerNorm(2 * embedding_size)
        nn.init.xavier_uniform_(self.token_projection.weight)
        nn.init.xavier_uniform_(self.query_projection.weight)

    def forward(self, memory: Memory, class_head: nn.Module, box_head: nn.Module) -> DecoderQueries:
        """The queries (fewer than `num_queries` if there are fewer tokens) and all proposals."""
        anchors, can_propose = proposal_anchors(memory)
        tokens = memory.tokens.masked_fill(~can_propose[..., None], 0.0)
        tokens = self.token_norm(self.token_projection(tokens))
        class_logits = class_head(tokens)
        unbounded_boxes = exact(box_head(tokens)) + anchors
        num_queries = min(self.num_queries, tokens.shape[1])
        # Proposals are trained with every object as class 0.
        best = class_logits[..., 0].topk(num_queries, dim=1).indices
        # detach: the first stage learns from its own loss only.
        chosen = unbounded_boxes.gather(1, best[..., None].expand(-1, -1, 4))
        reference = exact(chosen.detach()).sigmoid()
        content, position = self.asked_at(reference)
        return DecoderQueries(
            content=content,
            position=position,
            reference=reference,
            is_padding=torch.zeros_like(best, dtype=torch.bool),
            proposals=Proposals(class_logits, unbounded_boxes.sigmoid(), class_agnostic=True),
        )

    def asked_at(
        self, boxes: Float[Tensor, "B Q 4"]
    ) -> tuple[Float[Tensor, "B Q C"], Float[Tensor, "B Q C"]]:
        """Content and position of queries for `boxes`: of nothing but the boxes."""
        features = sine_features(boxes * (2 * math.pi), self.embedding_size // 2).flatten(2)
        queries = self.query_norm(self.query_projection(features))
        position, content = queries.chunk(2, dim=-1)
        return content, position


def proposal_anchors(memory: Memory) -> tuple[Float[Tensor, "B S 4"], Bool[Tensor, "B S"]]:
    """The box each token starts from, before the sigmoid, and which tokens may propose.

    Tokens in the padding or at the very border of the image may not: theirs is infinite, so
    whatever the head adds, the box is (1, 1, 1, 1).
    """
    centres = cell_centres(memory.level_shapes, memory.valid_ratios)
    level_sizes = [
        centres.new_full((height * width, 2), FINEST_PROPOSAL_SIZE * 2**level)
        for level, (height, width) in enumerate(memory.level_shapes)
    ]
    boxes = torch.cat([centres, torch.cat(level_sizes).expand_as(centres)], dim=-1)
    is_inside = ((boxes > 0.01) & (boxes < 0.99)).all(-1)
    can_propose = is_inside & ~memory.is_padding
    return boxes.logit().masked_fill(~can_propose[..., None], math.inf), can_propose
