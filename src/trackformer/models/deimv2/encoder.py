"""The lite encoder of DEIMv2's smallest models: two levels from one map, without attention."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from trackformer.models.deimv2.settings import LiteConfig


@dataclass(frozen=True, slots=True, eq=False)
class EncodedMaps:
    """What transformers' encoder answers with, as far as the adapter reads it."""

    feature_maps: tuple[Tensor, Tensor]
    """Finest first."""


class LiteEncoder(nn.Module):
    """A map, and a coarser one made of it, each fused with the other once."""

    def __init__(self, config: LiteConfig) -> None:
        super().__init__()
        width, eps = config.encoder_hidden_dim, config.batch_norm_eps
        self.input_proj = nn.ModuleList(
            ConvNormLayer(each, width, 1, eps) for each in config.encoder_in_channels
        )
        self.down_pool1 = nn.AvgPool2d(kernel_size=3, stride=2, padding=1)
        self.down_conv1 = ConvNormLayer(width, width, 1, eps, nn.SiLU())
        self.down_pool2 = nn.AvgPool2d(kernel_size=3, stride=2, padding=1)
        self.down_conv2 = ConvNormLayer(width, width, 1, eps, nn.SiLU())
        self.bi_fusion_conv = ConvNormLayer(width, width, 1, eps, nn.SiLU())
        self.fpn_block = AggregatedBlock(config)
        self.pan_block = AggregatedBlock(config)

    def forward(self, maps: Sequence[Tensor]) -> EncodedMaps:
        """Both levels (B C H W and B C H/2 W/2) of one map, whose H and W are even."""
        fine = self.input_proj[0](maps[0])
        coarse = self.down_conv1(self.down_pool1(fine))
        coarse = self.bi_fusion_conv(coarse + F.adaptive_avg_pool2d(coarse, 1))
        fine = self.fpn_block(fine + F.interpolate(coarse, scale_factor=2.0, mode="nearest"))
        coarse = self.pan_block(coarse + self.down_conv2(self.down_pool2(fine)))
        return EncodedMaps((fine, coarse))


class ConvNormLayer(nn.Module):
    """Convolution, norm, activation."""

    def __init__(
        self, inputs: int, outputs: int, size: int, eps: float, activation: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, size, padding=(size - 1) // 2, bias=False)
        self.norm = nn.BatchNorm2d(outputs, eps)
        self.activation = nn.Identity() if activation is None else activation

    def forward(self, features: Float[Tensor, "B _ H W"]) -> Float[Tensor, "B C H W"]:
        """One map to the next."""
        answer: Tensor = self.activation(self.norm(self.conv(features)))
        return answer


class RepVggBlock(nn.Module):
    """Two convolutions of a map, added (Ding et al. 2021)."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.conv1 = ConvNormLayer(width, width, 3, eps)
        self.conv2 = ConvNormLayer(width, width, 1, eps)
        self.activation = nn.SiLU()

    def forward(self, features: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        """One map to the next."""
        answer: Tensor = self.activation(self.conv1(features) + self.conv2(features))
        return answer


class PartialBlock(nn.Module):
    """One half of the channels through blocks, the other past them (CSP)."""

    def __init__(self, config: LiteConfig, inputs: int, width: int, count: int) -> None:
        super().__init__()
        eps = config.batch_norm_eps
        self.conv1 = ConvNormLayer(inputs, width * 2, 1, eps, nn.SiLU())
        self.bottlenecks = nn.ModuleList(RepVggBlock(width, eps) for _ in range(count))
        self.conv2 = (
            ConvNormLayer(width, width, 3, eps, nn.SiLU())
            if config.encoder_has_trailing_conv
            else nn.Identity()
        )

    def forward(self, features: Float[Tensor, "B _ H W"]) -> Float[Tensor, "B C H W"]:
        """One map to the next."""
        past, through = self.conv1(features).chunk(2, dim=1)
        for bottleneck in self.bottlenecks:
            through = bottleneck(through)
        answer: Tensor = self.conv2(past + through)
        return answer


class AggregatedBlock(nn.Module):
    """Two partial blocks one after the other, all maps joined at last (ELAN)."""

    def __init__(self, config: LiteConfig) -> None:
        super().__init__()
        width, eps = config.encoder_hidden_dim, config.batch_norm_eps
        narrow, count = round(config.hidden_expansion * width // 2), round(3 * config.depth_mult)
        self.conv1 = ConvNormLayer(width, width * 2, 1, eps, nn.SiLU())
        self.csp_rep1 = PartialBlock(config, width, narrow, count)
        self.csp_rep2 = PartialBlock(config, narrow, narrow, count)
        self.conv2 = ConvNormLayer(width * 2 + narrow * 2, width, 1, eps, nn.SiLU())

    def forward(self, features: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        """One map to the next."""
        first, second = self.conv1(features).chunk(2, dim=1)
        third = self.csp_rep1(second)
        joined = torch.cat([first, second, third, self.csp_rep2(third)], dim=1)
        answer: Tensor = self.conv2(joined)
        return answer
