"""Deformable DETR's encoder and decoder layers (Zhu et al. 2021, section 4.2)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from trackformer.boxes import exact
from trackformer.devices import constant_beside
from trackformer.models.deformable_attention import DeformableAttention
from trackformer.models.ms_deform_attn.level_shapes import LevelShapes
from trackformer.models.parts.query_groups import hidden_queries
from trackformer.models.parts.sublayers import Attention, FeedForward, Residual
from trackformer.models.settings import DeformableDetrSettings
from trackformer.types import DecoderQueries, Memory


@dataclass(frozen=True, slots=True, eq=False)
class LevelTokens:
    """Feature maps as tokens: level after level, each row by row."""

    tokens: Float[Tensor, "B S C"]
    position: Float[Tensor, "B S C"]
    is_padding: Bool[Tensor, "B S"]
    level_shapes: LevelShapes
    valid_ratios: Float[Tensor, "B L 2"]

    def as_map(self, level: int) -> Float[Tensor, "B C H W"]:
        """The tokens of one level where they belong in the image."""
        start = sum(height * width for height, width in self.level_shapes[:level])
        height, width = self.level_shapes[level]
        tokens = self.tokens[:, start : start + height * width]
        return tokens.transpose(1, 2).reshape(*tokens.shape[::2], height, width)

    def followed_by(self, other: LevelTokens) -> LevelTokens:
        """These levels, then those of another frame."""
        return LevelTokens(
            torch.cat([self.tokens, other.tokens], dim=1),
            torch.cat([self.position, other.position], dim=1),
            torch.cat([self.is_padding, other.is_padding], dim=1),
            self.level_shapes + other.level_shapes,
            torch.cat([self.valid_ratios, other.valid_ratios], dim=1),
        )


class DeformableEncoder(nn.Module):
    """Every token of every level looks at points around itself, on all levels."""

    def __init__(self, settings: DeformableDetrSettings) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            DeformableEncoderLayer(settings) for _ in range(settings.num_encoder_layers)
        )

    def forward(self, levels: LevelTokens) -> LevelTokens:
        """The same levels with refined tokens; the position is added in every layer."""
        tokens, is_padding, shapes = levels.tokens, levels.is_padding, levels.level_shapes
        centres = cell_centres(shapes, levels.valid_ratios)
        reference = exact(on_every_level(centres, levels.valid_ratios), tokens.dtype)
        for layer in self.layers:
            tokens = layer(tokens, levels.position, reference, is_padding, shapes)
        return replace(levels, tokens=tokens)


class DeformableEncoderLayer(nn.Module):
    """Deformable self-attention, then a feed-forward network."""

    def __init__(self, settings: DeformableDetrSettings) -> None:
        super().__init__()
        size, dropout = settings.embedding_size, settings.dropout
        self.self_attention = _deformable_attention(settings, settings.num_encoder_levels)
        self.self_attention_residual = Residual(size, dropout, pre_norm=False)
        self.feedforward = FeedForward(size, settings.feedforward_size, dropout)
        self.feedforward_residual = Residual(size, dropout, pre_norm=False)

    def forward(
        self,
        tokens: Float[Tensor, "B S C"],
        position: Float[Tensor, "B S C"],
        reference: Float[Tensor, "B S L 2"],
        is_padding: Bool[Tensor, "B S"],
        level_shapes: LevelShapes,
    ) -> Float[Tensor, "B S C"]:
        """Positions decide where to look; what is seen are the tokens alone."""

        def attend(tokens: Tensor) -> Tensor:
            attended: Tensor = self.self_attention(
                tokens + position, reference, tokens, is_padding, level_shapes
            )
            return attended

        tokens = self.self_attention_residual(tokens, attend)
        refined: Tensor = self.feedforward_residual(tokens, self.feedforward)
        return refined


class DeformableDecoderLayer(nn.Module):
    """Self-attention of queries, deformable attention to the image, a feed-forward network."""

    def __init__(self, settings: DeformableDetrSettings) -> None:
        super().__init__()
        size, dropout = settings.embedding_size, settings.dropout
        self.self_attention = Attention(size, settings.num_heads, dropout)
        self.self_attention_residual = Residual(size, dropout, pre_norm=False)
        self.cross_attention = _deformable_attention(settings, settings.num_decoder_levels)
        self.cross_attention_residual = Residual(size, dropout, pre_norm=False)
        self.feedforward = FeedForward(size, settings.feedforward_size, dropout)
        self.feedforward_residual = Residual(size, dropout, pre_norm=False)

    def forward(
        self,
        embeddings: Float[Tensor, "B Q C"],
        reference: Float[Tensor, "B Q R"],
        queries: DecoderQueries,
        memory: Memory,
    ) -> Float[Tensor, "B Q C"]:
        """One refinement of `embeddings`.

        Args:
            embeddings: The layer before's output, or the queries' content.
            reference: Points or boxes relative to the image without its padding.
            queries: Their positions and padding.
            memory: The encoded image.
        """
        level_reference = on_every_level(reference, memory.valid_ratios.to(reference.dtype))

        def attend_to_queries(embeddings: Tensor) -> Tensor:
            placed = embeddings + queries.position
            attended: Tensor = self.self_attention(
                placed, placed, embeddings, queries.is_padding, hidden_queries(queries)
            )
            return attended

        def attend_to_image(embeddings: Tensor) -> Tensor:
            attended: Tensor = self.cross_attention(
                embeddings + queries.position,
                level_reference,
                memory.tokens,
                memory.is_padding,
                memory.level_shapes,
            )
            return attended

        embeddings = self.self_attention_residual(embeddings, attend_to_queries)
        embeddings = self.cross_attention_residual(embeddings, attend_to_image)
        refined: Tensor = self.feedforward_residual(embeddings, self.feedforward)
        return refined


def cell_centres(
    level_shapes: LevelShapes, valid_ratios: Float[Tensor, "B L 2"]
) -> Float[Tensor, "B S 2"]:
    """Centre (x, y) of every token's cell, relative to the image; beyond 1 in the padding."""
    centres = []
    for level, (height, width) in enumerate(level_shapes):
        rows = torch.arange(height, device=valid_ratios.device) + 0.5
        columns = torch.arange(width, device=valid_ratios.device) + 0.5
        y, x = torch.meshgrid(rows, columns, indexing="ij")
        cells = torch.stack([x, y], dim=-1).flatten(0, 1)
        sides = constant_beside(valid_ratios, (width, height), valid_ratios.dtype)
        valid_sizes = valid_ratios[:, level] * sides
        centres.append(cells / valid_sizes[:, None])
    return torch.cat(centres, dim=1)


def on_every_level(
    reference: Float[Tensor, "B Q R"], valid_ratios: Float[Tensor, "B L 2"]
) -> Float[Tensor, "B Q L R"]:
    """References relative to the image (R = 2 or 4) to ones relative to each level with padding."""
    ratios = valid_ratios.repeat(1, 1, reference.shape[-1] // 2)
    return reference[:, :, None] * ratios[:, None]


def _deformable_attention(settings: DeformableDetrSettings, num_levels: int) -> DeformableAttention:
    return DeformableAttention(
        settings.embedding_size,
        settings.num_heads,
        num_levels,
        settings.num_points,
        "height_width" if settings.compatibility == "reference" else "width_height",
    )
