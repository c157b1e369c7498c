"""What transformer layers are made of: attention, feed-forward network, residual connection."""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from trackformer.errors import ConfigError


class Attention(nn.Module):
    """Multi-head scaled dot-product attention (Vaswani et al. 2017, section 3.2)."""

    def __init__(self, embedding_size: int, num_heads: int, dropout: float) -> None:
        super().__init__()
        check_heads(embedding_size, num_heads)
        self.num_heads = num_heads
        self.dropout = dropout
        self.query = nn.Linear(embedding_size, embedding_size)
        self.key = nn.Linear(embedding_size, embedding_size)
        self.value = nn.Linear(embedding_size, embedding_size)
        self.output = nn.Linear(embedding_size, embedding_size)
        for projection in (self.query, self.key, self.value):
            # The published code draws the three as one 3C x C matrix, hence the smaller bound.
            nn.init.xavier_uniform_(projection.weight, gain=2**-0.5)
            nn.init.zeros_(projection.bias)
        nn.init.xavier_uniform_(self.output.weight)
        nn.init.zeros_(self.output.bias)

    def forward(
        self,
        queries: Float[Tensor, "B Q C"],
        keys: Float[Tensor, "B S C"],
        values: Float[Tensor, "B S C"],
        is_padding: Bool[Tensor, "B S"],
        is_hidden: Bool[Tensor, "B Q S"] | None = None,
    ) -> Float[Tensor, "B Q C"]:
        """Weighted means of `values`; none of rows with `is_padding`, or hidden from a query."""
        query, key, value = (
            projection(tokens).unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
            for projection, tokens in (
                (self.query, queries),
                (self.key, keys),
                (self.value, values),
            )
        )
        is_visible = ~is_padding[:, None, None, :]
        if is_hidden is not None:
            is_visible = is_visible & ~is_hidden[:, None]
        attended = F.scaled_dot_product_attention(
            query,
            key,
            value,
            attn_mask=is_visible,
            dropout_p=self.dropout if self.training else 0.0,
        )
        output: Tensor = self.output(attended.transpose(1, 2).flatten(2))
        return output


class FeedForward(nn.Module):
    """Two linear layers with a ReLU between, for every token alone."""

    def __init__(self, embedding_size: int, hidden_size: int, dropout: float) -> None:
        super().__init__()
        self.expand = nn.Linear(embedding_size, hidden_size)
        self.contract = nn.Linear(hidden_size, embedding_size)
        self.dropout = nn.Dropout(dropout)
        nn.init.xavier_uniform_(self.expand.weight)
        nn.init.xavier_uniform_(self.contract.weight)

    def forward(self, tokens: Float[Tensor, "B Q C"]) -> Float[Tensor, "B Q C"]:
        """Transform every token."""
        contracted: Tensor = self.contract(self.dropout(F.relu(self.expand(tokens))))
        return contracted


class Residual(nn.Module):
    """Adds a sub-layer's output to its input, with the LayerNorm before or after."""

    def __init__(self, embedding_size: int, dropout: float, *, pre_norm: bool) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(embedding_size)
        self.dropout = nn.Dropout(dropout)
        self.pre_norm = pre_norm

    def forward(
        self, tokens: Float[Tensor, "B Q C"], sublayer: Callable[[Tensor], Tensor]
    ) -> Float[Tensor, "B Q C"]:
        """Either x + sublayer(norm(x)) or norm(x + sublayer(x))."""
        if self.pre_norm:
            added: Tensor = tokens + self.dropout(sublayer(self.norm(tokens)))
            return added
        normed: Tensor = self.norm(tokens + self.dropout(sublayer(tokens)))
        return normed


def check_heads(embedding_size: int, num_heads: int) -> None:
    """Raise ConfigError where the heads cannot share the channels equally."""
    if embedding_size % num_heads:
        raise ConfigError(
            f"embedding_size must be a multiple of num_heads, got {embedding_size} and {num_heads}"
        )
