"""HGNetV2, the backbone of PP-HGNetV2 and of the real-time detectors built on it.

Modules are called as in transformers' files of weights, so that these load.
"""

from __future__ import annotations

from typing import Any, cast

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from trackformer.models.deimv2.settings import HGNetV2Config


class HGNetV2Backbone(nn.Module):
    """Pixels to the map of the one stage that is asked for."""

    def __init__(self, config: HGNetV2Config) -> None:
        super().__init__()
        self.embedder = HGNetV2Embeddings(config)
        last = int(config.out_features[0].removeprefix("stage"))
        # All stages, as in the files; those behind the last one that is read do nothing.
        self.encoder = nn.Module()
        stages = [HGNetV2Stage(config, index) for index in range(len(config.stage_in_channels))]
        self.encoder.stages = nn.ModuleList(stages)
        self._last = last

    def forward(self, pixels: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B C h w"]:
        """The map."""
        features: Tensor = self.embedder(pixels)
        for stage in cast(nn.ModuleList, self.encoder.stages)[: self._last]:
            features = stage(features)
        return features


class LearnableAffine(nn.Module):
    """One learned scale and one shift for a whole map."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor([1.0]))
        self.bias = nn.Parameter(torch.tensor([0.0]))

    def forward(self, features: Tensor) -> Tensor:
        """Scale, then shift."""
        return self.scale * features + self.bias


class HGNetV2ConvLayer(nn.Module):
    """Convolution, norm and, unless it is a plain one, ReLU and the learned scale and shift."""

    def __init__(self, inputs: int, outputs: int, size: int, **shape: Any) -> None:
        super().__init__()
        is_plain = shape.pop("is_plain", False)
        self.convolution = nn.Conv2d(
            inputs, outputs, size, padding=(size - 1) // 2, bias=False, **shape
        )
        self.normalization = nn.BatchNorm2d(outputs)
        self.activation = nn.Identity() if is_plain else nn.ReLU()
        self.lab = nn.Identity() if is_plain else LearnableAffine()

    def forward(self, features: Float[Tensor, "B _ _ _"]) -> Float[Tensor, "B C H W"]:
        """One map to the next."""
        features = self.normalization(self.convolution(features))
        answer: Tensor = self.lab(self.activation(features))
        return answer


class HGNetV2ConvLayerLight(nn.Module):
    """Across channels first, then within each."""

    def __init__(self, inputs: int, outputs: int, size: int) -> None:
        super().__init__()
        self.conv1 = HGNetV2ConvLayer(inputs, outputs, 1, is_plain=True)
        self.conv2 = HGNetV2ConvLayer(outputs, outputs, size, groups=outputs)

    def forward(self, features: Float[Tensor, "B _ H W"]) -> Float[Tensor, "B C H W"]:
        """One map to the next, of the same size."""
        answer: Tensor = self.conv2(self.conv1(features))
        return answer


class HGNetV2Embeddings(nn.Module):
    """The stem: pixels to a quarter of their size."""

    def __init__(self, config: HGNetV2Config) -> None:
        super().__init__()
        pixels, first, second = config.stem_channels
        strides = config.stem_strides
        self.stem1 = HGNetV2ConvLayer(pixels, first, 3, stride=strides[0])
        self.stem2a = HGNetV2ConvLayer(first, first // 2, 2, stride=strides[1])
        self.stem2b = HGNetV2ConvLayer(first // 2, first, 2, stride=strides[2])
        self.stem3 = HGNetV2ConvLayer(first * 2, first, 3, stride=strides[3])
        self.stem4 = HGNetV2ConvLayer(first, second, 1, stride=strides[4])
        self.pool = nn.MaxPool2d(kernel_size=2, stride=1, ceil_mode=True)

    def forward(self, pixels: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B C h w"]:
        """Two branches behind the first convolution: pooled, and convolved twice."""
        features = F.pad(self.stem1(pixels), (0, 1, 0, 1))
        convolved = self.stem2b(F.pad(self.stem2a(features), (0, 1, 0, 1)))
        joined = torch.cat([self.pool(features), convolved], dim=1)
        answer: Tensor = self.stem4(self.stem3(joined))
        return answer


class HGNetV2BasicLayer(nn.Module):
    """Convolutions one after the other, all of whose maps are then aggregated."""

    def __init__(self, config: HGNetV2Config, stage: int, *, is_first: bool) -> None:
        super().__init__()
        inputs = (config.stage_in_channels if is_first else config.stage_out_channels)[stage]
        middle, outputs = config.stage_mid_channels[stage], config.stage_out_channels[stage]
        count, size = config.stage_numb_of_layers[stage], config.stage_kernel_size[stage]
        layer = HGNetV2ConvLayerLight if config.stage_light_block[stage] else HGNetV2ConvLayer
        widths = [inputs, *[middle] * (count - 1)]
        self.layers = nn.ModuleList(layer(width, middle, size) for width in widths)
        self.aggregation = nn.Sequential(
            HGNetV2ConvLayer(inputs + count * middle, outputs // 2, 1),
            HGNetV2ConvLayer(outputs // 2, outputs, 1),
        )
        self._is_residual = not is_first

    def forward(self, features: Float[Tensor, "B _ H W"]) -> Float[Tensor, "B C H W"]:
        """Aggregate; all but a stage's first block add what came in."""
        maps = [features]
        for layer in self.layers:
            maps.append(layer(maps[-1]))
        answer: Tensor = self.aggregation(torch.cat(maps, dim=1))
        return answer + features if self._is_residual else answer


class HGNetV2Stage(nn.Module):
    """Half the size where it says so, then blocks."""

    def __init__(self, config: HGNetV2Config, stage: int) -> None:
        super().__init__()
        width = config.stage_in_channels[stage]
        stride = config.stage_downsample_strides[stage]
        self.downsample = (
            HGNetV2ConvLayer(width, width, 3, stride=stride, groups=width, is_plain=True)
            if config.stage_downsample[stage]
            else nn.Identity()
        )
        self.blocks = nn.ModuleList(
            HGNetV2BasicLayer(config, stage, is_first=index == 0)
            for index in range(config.stage_num_blocks[stage])
        )

    def forward(self, features: Float[Tensor, "B _ _ _"]) -> Float[Tensor, "B C H W"]:
        """One map to the next."""
        features = self.downsample(features)
        for block in self.blocks:
            features = block(features)
        return features
