"""Sums with a number, as onnxruntime computes them without laying out a map anew."""

from __future__ import annotations

import copy

import torch
from jaxtyping import Float
from torch import Tensor, nn

from trackformer.models.fast.convolution import FusedConvolution


class ShiftedByConvolution(nn.Module):
    """A convolution whose shift (HGNetV2's learned one) is a depthwise convolution behind it.

    onnxruntime keeps maps in blocks of channels from one convolution to the next. Around a sum with
    a number it would undo that and do it again.
    """

    def __init__(self, convolution: FusedConvolution) -> None:
        super().__init__()
        count = len(convolution.weight)
        self.convolution = copy.deepcopy(convolution)
        self.convolution.shift = 0.0
        self.shift = nn.Conv2d(count, count, 1, groups=count).requires_grad_(requires_grad=False)
        nn.init.ones_(self.shift.weight)
        self.shift.bias = nn.Parameter(torch.full((count,), convolution.shift), requires_grad=False)

    def forward(
        self, features: Float[Tensor, "B _ _ _"], shortcut: Tensor | None = None
    ) -> Float[Tensor, "B C H W"]:
        """As `FusedConvolution`."""
        shifted: Tensor = self.shift(self.convolution(features, shortcut))
        return shifted


def shifted_by_convolution(module: nn.Module) -> nn.Module | None:
    """What takes the place of a module in a graph for onnxruntime; None: nothing."""
    if isinstance(module, FusedConvolution) and module.shift:
        return ShiftedByConvolution(module)
    return None
