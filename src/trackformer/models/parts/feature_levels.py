"""How a backbone's maps become Deformable DETR's feature levels, alone or with older ones."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate
from math import gcd

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from trackformer.models.parts.backbone import FeatureMap
from trackformer.models.parts.padding import padding_at
from trackformer.types import FrameFeatures, Memory


def project(
    projections: nn.ModuleList, frame: FrameFeatures, *, reduce_twice: bool
) -> list[FeatureMap]:
    """The projected maps; those that the backbone lacks are made from the coarsest.

    Args:
        projections: From `build_projections`.
        frame: The backbone's maps and the images' padding.
        reduce_twice: The padding of levels beyond the backbone's is taken from the finest level's,
            as in the published TrackFormer, instead of from the images'.
    """
    levels: list[FeatureMap] = []
    for index, projection in enumerate(projections):
        is_padding = frame.is_padding
        if index < len(frame.maps):
            source = frame.maps[index]
        else:
            source = frame.maps[-1] if index == len(frame.maps) else levels[-1].features
            is_padding = levels[0].is_padding if reduce_twice else is_padding
        features = projection(source)
        levels.append(FeatureMap(features, padding_at(is_padding, features)))
    return levels


def merge(
    mergers: nn.ModuleList, levels: Sequence[FeatureMap], before: Sequence[FeatureMap]
) -> list[FeatureMap]:
    """Every level's map and the previous frame's, through a convolution each."""
    return [
        FeatureMap(
            merger(torch.cat([level.features, _fitted(old.features, level.features)], dim=1)),
            level.is_padding,
        )
        for merger, level, old in zip(mergers, levels, before, strict=True)
    ]


def build_projections(
    backbone_channels: tuple[int, ...], num_levels: int, embedding_size: int
) -> nn.ModuleList:
    """Per level a convolution and a GroupNorm; levels beyond the backbone's halve the map."""
    sources = [*backbone_channels, backbone_channels[-1]]
    sources += [embedding_size] * (num_levels - len(sources))
    projections = nn.ModuleList()
    for level, num_channels in enumerate(sources[:num_levels]):
        if level < len(backbone_channels):
            convolution = nn.Conv2d(num_channels, embedding_size, kernel_size=1)
        else:
            convolution = nn.Conv2d(num_channels, embedding_size, 3, stride=2, padding=1)
        nn.init.xavier_uniform_(convolution.weight)
        assert convolution.bias is not None
        nn.init.zeros_(convolution.bias)
        # 32 groups as published where the channels allow it, never one channel alone: on a map of
        # one cell that would leave nothing to normalise.
        num_groups = min(gcd(32, embedding_size), embedding_size // 2)
        norm = nn.GroupNorm(num_groups, embedding_size)
        projections.append(nn.Sequential(OrderedDict(convolution=convolution, norm=norm)))
    return projections


def _fitted(
    features: Float[Tensor, "B C _ _"], like: Float[Tensor, "B C H W"]
) -> Float[Tensor, "B C H W"]:
    """Cut or filled with zeros at the right and bottom: only padding differs there."""
    missing_rows = like.shape[-2] - features.shape[-2]
    missing_columns = like.shape[-1] - features.shape[-1]
    return F.pad(features, (0, missing_columns, 0, missing_rows))


def levels_of(memory: Memory, levels: slice) -> Memory:
    """The tokens of some neighbouring levels."""
    starts = list(accumulate((h * w for h, w in memory.level_shapes), initial=0))
    first, last, _ = levels.indices(len(memory.level_shapes))
    tokens = slice(starts[first], starts[last])
    return replace(
        memory,
        tokens=memory.tokens[:, tokens],
        is_padding=memory.is_padding[:, tokens],
        level_shapes=memory.level_shapes[levels],
        valid_ratios=memory.valid_ratios[:, levels],
    )
