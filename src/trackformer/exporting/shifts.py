"""Shifts behind an activation, as onnxruntime computes them within the convolution before."""

from __future__ import annotations

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from trackformer.models.fast.convolution import FusedConvolution


class ShiftedConvolution(nn.Module):
    """A convolution, ReLU and a shift (HGNetV2's learned one) with the shift in the bias.

    relu(x) + shift = max(x + shift, shift): onnxruntime computes such a maximum while it writes
    the map, whereas a sum with a number is another pass over it.

    Args:
        convolution: Without an activation, or with ReLU.
    """

    def __init__(self, convolution: FusedConvolution) -> None:
        super().__init__()
        self.weight, self.bias = convolution.weight, convolution.bias
        self._geometry = (
            convolution.stride,
            convolution.padding,
            convolution.dilation,
            convolution.groups,
        )
        self._shift = convolution.shift
        self._is_cut = isinstance(convolution.activation, nn.ReLU)

    def forward(
        self, features: Float[Tensor, "B _ _ _"], shortcut: Tensor | None = None
    ) -> Float[Tensor, "B C H W"]:
        """As `FusedConvolution`."""
        bias = self.weight.new_zeros(len(self.weight)) if self.bias is None else self.bias
        answer = F.conv2d(features, self.weight, bias + self._shift, *self._geometry)
        answer = answer if shortcut is None else answer + shortcut
        return answer.clamp(min=self._shift) if self._is_cut else answer


def shift_in_bias(module: nn.Module) -> nn.Module | None:
    """What takes the place of a module in a graph for onnxruntime; None: nothing."""
    if (
        isinstance(module, FusedConvolution)
        and module.shift
        and isinstance(module.activation, (nn.ReLU, nn.Identity))
    ):
        return ShiftedConvolution(module)
    return None
