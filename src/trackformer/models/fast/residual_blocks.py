"""ResNet's residual blocks, with the sum and the last ReLU inside the last convolution."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from trackformer.models.fast.convolution import FusedConvolution


class FusedResidualBlock(nn.Module):
    """torchvision's `Bottleneck` (three convolutions) or `BasicBlock` (two), norms folded."""

    # Any: torchvision publishes no types.
    def __init__(self, block: Any) -> None:
        super().__init__()
        *first, last = [
            getattr(block, name) for name in ("conv1", "conv2", "conv3") if hasattr(block, name)
        ]
        self.first = nn.Sequential(*(FusedConvolution(each, nn.ReLU()) for each in first))
        self.last = FusedConvolution(last, nn.ReLU())
        downsample = block.downsample
        self.shortcut = nn.Identity() if downsample is None else FusedConvolution(downsample[0])

    def forward(self, features: Tensor) -> Tensor:
        """relu(convolutions(x) + shortcut(x))."""
        answer: Tensor = self.last(self.first(features), self.shortcut(features))
        return answer


def fused_residual_block(module: nn.Module) -> nn.Module | None:
    """The fast form of a residual block, None for anything else."""
    if type(module).__name__ in ("Bottleneck", "BasicBlock"):
        return FusedResidualBlock(module)
    return None
