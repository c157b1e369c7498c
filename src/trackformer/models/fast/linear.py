"""A linear layer whose weights lie as the processor wants them."""

from __future__ import annotations

from typing import Final

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from trackformer.models.fast.onednn import can_multiply, may_run

WORTHWHILE: Final = 2**24
"""Multiplications from which on oneDNN gains more than its call costs (1.1 to 1.5 times)."""


class PackedLinear(nn.Module):
    """`nn.Linear` for inference only: no gradient flows through it.

    Args:
        linear: Its weights are shared.
        relu: Whether a ReLU follows.
    """

    def __init__(self, linear: nn.Linear, *, relu: bool = False) -> None:
        super().__init__()
        self.relu = relu
        self.weight = nn.Parameter(linear.weight.detach(), requires_grad=False)
        bias = linear.bias
        self.bias = None if bias is None else nn.Parameter(bias.detach(), requires_grad=False)
        self._packed: Tensor | None = None
        if can_multiply(self.weight):
            self._packed = torch.ops.mkldnn._reorder_linear_weight(self.weight)  # noqa: SLF001

    def forward(self, rows: Float[Tensor, "*rows _"]) -> Float[Tensor, "*rows _"]:
        """Transform every row."""
        rows = rows.to(self.weight.dtype)
        # The size at last: a graph is for any number of rows.
        if self._packed is None or not may_run(rows) or self._is_small(rows):
            plain = F.linear(rows, self.weight, self.bias)
            return plain.relu_() if self.relu else plain
        answer: Tensor = torch.ops.mkldnn._linear_pointwise(  # noqa: SLF001 - an operator
            rows, self._packed, self.bias, "relu" if self.relu else "none", [], ""
        )
        return answer

    def _is_small(self, rows: Float[Tensor, "*rows _"]) -> bool:
        return rows.numel() * len(self.weight) < WORTHWHILE
