"""DETR's encoder and decoder (Carion et al. 2020, figure 10)."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from trackformer.models.parts.query_groups import hidden_queries
from trackformer.models.parts.sublayers import Attention, FeedForward, Residual
from trackformer.models.settings import DetrSettings
from trackformer.types import DecoderQueries, Memory


class TransformerEncoder(nn.Module):
    """Self-attention among all tokens of an image."""

    def __init__(self, settings: DetrSettings) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            EncoderLayer(settings) for _ in range(settings.num_encoder_layers)
        )
        # With the norm before each sub-layer nothing has normalised the sum that comes out.
        self.norm = nn.LayerNorm(settings.embedding_size) if settings.pre_norm else nn.Identity()

    def forward(
        self,
        tokens: Float[Tensor, "B S C"],
        position: Float[Tensor, "B S C"],
        is_padding: Bool[Tensor, "B S"],
    ) -> Float[Tensor, "B S C"]:
        """Refine the tokens; the position encoding is added in every layer."""
        for layer in self.layers:
            tokens = layer(tokens, position, is_padding)
        normed: Tensor = self.norm(tokens)
        return normed


class EncoderLayer(nn.Module):
    """Self-attention, then a feed-forward network."""

    def __init__(self, settings: DetrSettings) -> None:
        super().__init__()
        size, dropout = settings.embedding_size, settings.dropout
        self.self_attention = Attention(size, settings.num_heads, dropout)
        self.self_attention_residual = Residual(size, dropout, pre_norm=settings.pre_norm)
        self.feedforward = FeedForward(size, settings.feedforward_size, dropout)
        self.feedforward_residual = Residual(size, dropout, pre_norm=settings.pre_norm)

    def forward(
        self,
        tokens: Float[Tensor, "B S C"],
        position: Float[Tensor, "B S C"],
        is_padding: Bool[Tensor, "B S"],
    ) -> Float[Tensor, "B S C"]:
        """Positions tell where to look, so they are part of queries and keys but not of values."""

        def attend(tokens: Tensor) -> Tensor:
            placed = tokens + position
            attended: Tensor = self.self_attention(placed, placed, tokens, is_padding)
            return attended

        tokens = self.self_attention_residual(tokens, attend)
        refined: Tensor = self.feedforward_residual(tokens, self.feedforward)
        return refined


class TransformerDecoder(nn.Module):
    """Queries look at one another and at the encoder's tokens."""

    def __init__(self, settings: DetrSettings) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            DecoderLayer(settings) for _ in range(settings.num_decoder_layers)
        )

    def forward(self, queries: DecoderQueries, memory: Memory) -> Float[Tensor, "D B Q C"]:
        """Every layer's output, before any LayerNorm for the heads."""
        embeddings = queries.content
        layer_embeddings = []
        for layer in self.layers:
            embeddings = layer(embeddings, queries, memory)
            layer_embeddings.append(embeddings)
        return torch.stack(layer_embeddings)


class DecoderLayer(nn.Module):
    """Self-attention of queries, attention to the image, then a feed-forward network."""

    def __init__(self, settings: DetrSettings) -> None:
        super().__init__()
        size, dropout = settings.embedding_size, settings.dropout
        self.self_attention = Attention(size, settings.num_heads, dropout)
        self.self_attention_residual = Residual(size, dropout, pre_norm=settings.pre_norm)
        self.cross_attention = Attention(size, settings.num_heads, dropout)
        self.cross_attention_residual = Residual(size, dropout, pre_norm=settings.pre_norm)
        self.feedforward = FeedForward(size, settings.feedforward_size, dropout)
        self.feedforward_residual = Residual(size, dropout, pre_norm=settings.pre_norm)

    def forward(
        self, embeddings: Float[Tensor, "B Q C"], queries: DecoderQueries, memory: Memory
    ) -> Float[Tensor, "B Q C"]:
        """One refinement of `embeddings`; `queries` gives their positions and padding."""
        keys = memory.tokens if memory.position is None else memory.tokens + memory.position

        def attend_to_queries(embeddings: Tensor) -> Tensor:
            placed = embeddings + queries.position
            attended: Tensor = self.self_attention(
                placed, placed, embeddings, queries.is_padding, hidden_queries(queries)
            )
            return attended

        def attend_to_image(embeddings: Tensor) -> Tensor:
            placed = embeddings + queries.position
            attended: Tensor = self.cross_attention(placed, keys, memory.tokens, memory.is_padding)
            return attended

        embeddings = self.self_attention_residual(embeddings, attend_to_queries)
        embeddings = self.cross_attention_residual(embeddings, attend_to_image)
        refined: Tensor = self.feedforward_residual(embeddings, self.feedforward)
        return refined
