"""A feed-forward network whose wide layer never lies in memory as a whole."""

from __future__ import annotations

from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from trackformer.models.fast.linear import PackedLinear
from trackformer.models.parts.sublayers import FeedForward

ROWS: Final = 2048
"""Tokens at a time: an encoder's hidden layer would be the largest tensor of the model."""


class FusedFeedForward(nn.Module):
    """`FeedForward` for inference only: the ReLU is part of the first layer."""

    def __init__(self, network: FeedForward) -> None:
        super().__init__()
        self.expand = PackedLinear(network.expand, relu=True)
        self.contract = PackedLinear(network.contract)

    def forward(self, tokens: Float[Tensor, "B S C"]) -> Float[Tensor, "B S C"]:
        """Transform every token."""
        answer: Tensor
        if tokens.device.type != "cpu" or torch.compiler.is_compiling():
            answer = self.contract(self.expand(tokens))
            return answer
        rows = tokens.flatten(0, 1)
        parts = [
            self.contract(self.expand(rows[start : start + ROWS]))
            for start in range(0, max(len(rows), 1), ROWS)
        ]
        answer = parts[0] if len(parts) == 1 else torch.cat(parts)
        return answer.reshape(tokens.shape)


def fused_feed_forward(module: nn.Module) -> nn.Module | None:
    """The fast form of a feed-forward network, None for anything else."""
    return FusedFeedForward(module) if isinstance(module, FeedForward) else None
