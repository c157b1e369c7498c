"""A convolution with all that follows it: bias, activation, a sum with a shortcut."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from trackformer.models.fast.onednn import ACTIVATIONS, can_multiply, may_run


class FusedConvolution(nn.Module):
    """activation(convolution(x) [+ shortcut]) + shift, in one pass over the map on a CPU.

    Only for inference: no gradient flows through it.

    Args:
        convolution: BatchNorm is folded into it already.
        activation: What follows; None: nothing.
        shift: Added at last.
    """

    def __init__(
        self, convolution: nn.Conv2d, activation: nn.Module | None = None, shift: float = 0.0
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(
            convolution.weight.detach().clone(memory_format=torch.channels_last),
            requires_grad=False,
        )
        bias = convolution.bias
        self.bias = None if bias is None else nn.Parameter(bias.detach(), requires_grad=False)
        self.activation = activation if activation is not None else nn.Identity()
        self.shift = shift
        self.padding: list[int] = [int(side) for side in convolution.padding]
        self.stride = list(convolution.stride)
        self.dilation = list(convolution.dilation)
        self.groups = convolution.groups
        # Not laid out beforehand: the best layout depends on the map's size and gains 4 %, that of
        # another size may cost four times as much.
        name = ACTIVATIONS.get(type(self.activation).__name__)
        self._operation = name if can_multiply(self.weight) else None

    def forward(
        self, features: Float[Tensor, "B _ _ _"], shortcut: Tensor | None = None
    ) -> Float[Tensor, "B C H W"]:
        """The map in `channels_last` order; `shortcut` is added before the activation."""
        features = features.to(self.weight.dtype)
        if self._operation is not None and may_run(features):
            answer = self._fused(features, shortcut)
        else:
            answer = F.conv2d(features, self.weight, self.bias, *self._geometry())
            answer = self.activation(answer if shortcut is None else answer + shortcut)
        return answer.add_(self.shift) if self.shift else answer

    def _fused(self, features: Tensor, shortcut: Tensor | None) -> Tensor:
        operator: Any = torch.ops.mkldnn._convolution_pointwise  # noqa: SLF001 - an operator
        name, weight, bias = self._operation, self.weight, self.bias
        geometry = (self.padding, self.stride, self.dilation, self.groups)
        answer: Tensor
        if shortcut is None:
            answer = operator(features, weight, bias, *geometry, name, [], "")
        else:
            after = None if name == "none" else name
            answer = operator.binary(
                features, shortcut, weight, bias, *geometry, "add", 1.0, after, [], ""
            )
        return answer

    def _geometry(self) -> tuple[Any, ...]:
        return self.stride, self.padding, self.dilation, self.groups


def scaled(convolution: nn.Conv2d, scale: float) -> nn.Conv2d:
    """The same convolution with its output multiplied."""
    return _like(
        convolution,
        convolution.weight.detach() * scale,
        None if convolution.bias is None else convolution.bias.detach() * scale,
    )


def summed(wide: nn.Conv2d, narrow: nn.Conv2d) -> nn.Conv2d:
    """One convolution for the sum of two over the same map, 3 x 3 and 1 x 1 (RepVGG)."""
    rows, columns = (
        (big - small) // 2 for big, small in zip(wide.kernel_size, narrow.kernel_size, strict=True)
    )
    weight = wide.weight.detach() + F.pad(narrow.weight.detach(), (columns, columns, rows, rows))
    biases = [each.bias.detach() for each in (wide, narrow) if each.bias is not None]
    return _like(wide, weight, sum(biases[1:], biases[0]) if biases else None)


def _like(convolution: nn.Conv2d, weight: Tensor, bias: Tensor | None) -> nn.Conv2d:
    with torch.device("meta"):
        copy = nn.Conv2d(
            convolution.in_channels,
            convolution.out_channels,
            convolution.kernel_size,  # type: ignore[arg-type]
            convolution.stride,  # type: ignore[arg-type]
            convolution.padding,  # type: ignore[arg-type]
            convolution.dilation,  # type: ignore[arg-type]
            convolution.groups,
            bias=bias is not None,
        )
    copy.weight = nn.Parameter(weight)
    copy.bias = None if bias is None else nn.Parameter(bias)
    return copy
