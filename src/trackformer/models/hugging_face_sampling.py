"""Our deformable attention inside transformers' decoders, which bring `grid_sample` only."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from trackformer.models.ms_deform_attn.attention import ms_deform_attn

LISTED_POINTS = ("DFineMultiscaleDeformableAttention", "Deimv2MultiscaleDeformableAttention")
"""Modules whose levels may have different numbers of points."""


def use_fast_sampling(network: nn.Module) -> None:
    """Replace the sampling of RT-DETR, D-FINE and DEIMv2, in place; the numbers stay the same.

    RT-DETRv2 calls a function of its file, which cannot be replaced in one model alone; and the
    "discrete" method of the last three rounds locations to cells, which is not ours.
    """
    for module in network.modules():
        name = type(module).__name__
        if name == "RTDetrMultiscaleDeformableAttention":
            module.attn = _LevelsOfEqualPoints()
        elif name in LISTED_POINTS and module.decoder_method == "default":
            # Not a module but a plain function; setattr, as nn.Module's typing knows modules only.
            setattr(module, "ms_deformable_attn_core", sample_listed_points)  # noqa: B010


class _LevelsOfEqualPoints(nn.Module):
    """Has the call of transformers' `MultiScaleDeformableAttention`."""

    def forward(
        self,
        value: Float[Tensor, "B S M _"],
        _shapes: Tensor,
        level_shapes: Sequence[tuple[int, int]],
        _starts: Tensor,
        sampling_locations: Float[Tensor, "B Q M L P 2"],
        attention_weights: Float[Tensor, "B Q M L P"],
        _step: int,
    ) -> Float[Tensor, "B Q C"]:
        """The attended values."""
        shapes = tuple((height, width) for height, width in level_shapes)
        return ms_deform_attn(value, shapes, sampling_locations, attention_weights)


def sample_listed_points(
    value: Float[Tensor, "B S M _"],
    level_shapes: Sequence[tuple[int, int]],
    sampling_locations: Float[Tensor, "B Q M K 2"],
    attention_weights: Float[Tensor, "B Q M K"],
    num_points: Sequence[int],
    _method: str = "default",
) -> Float[Tensor, "B Q C"]:
    """Has the call of transformers' `multi_scale_deformable_attention_v2`.

    Levels with fewer points than others get some more, of weight zero.

    Args:
        value: Projected tokens of all levels, split into heads.
        level_shapes: How the tokens lie.
        sampling_locations: Of the points of all levels, side by side.
        attention_weights: Likewise.
        num_points: Of each level; K in sum.
    """
    most = max(num_points)
    locations = torch.stack(
        [
            F.pad(points, (0, 0, 0, most - points.shape[-2]))
            for points in torch.split(sampling_locations, list(num_points), dim=-2)
        ],
        dim=-3,
    )
    weights = torch.stack(
        [
            F.pad(points, (0, most - points.shape[-1]))
            for points in torch.split(attention_weights, list(num_points), dim=-1)
        ],
        dim=-2,
    )
    shapes = tuple((height, width) for height, width in level_shapes)
    return ms_deform_attn(value, shapes, locations, weights)
