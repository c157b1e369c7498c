"""The reference way, by torch's `grid_sample`: runs, differentiates and exports everywhere."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from trackformer.models.ms_deform_attn.level_shapes import LevelShapes


def forward(
    value: Float[Tensor, "B S M _"],
    level_shapes: LevelShapes,
    sampling_locations: Float[Tensor, "B Q M L P 2"],
    attention_weights: Float[Tensor, "B Q M L P"],
) -> Float[Tensor, "B Q C"]:
    """The attended values, computed in `value`'s dtype; autograd knows their gradient."""
    batch_size, _, num_heads, num_channels = value.shape
    maps = value.permute(0, 2, 3, 1).flatten(0, 1)
    level_maps = torch.split(maps, [height * width for height, width in level_shapes], dim=-1)
    # grid_sample spans [-1, 1].
    grids = (2 * sampling_locations - 1).to(value.dtype).transpose(1, 2).flatten(0, 1)
    weights = attention_weights.to(value.dtype).transpose(1, 2).flatten(0, 1)
    attended = torch.zeros((), dtype=value.dtype, device=value.device)
    for level, (level_map, shape) in enumerate(zip(level_maps, level_shapes, strict=True)):
        samples = F.grid_sample(
            level_map.reshape(*level_map.shape[:2], *shape),
            grids[:, :, level],
            mode="bilinear",
            padding_mode="zeros",
            align_corners=False,
        )
        attended = attended + (samples * weights[:, None, :, level]).sum(-1)
    heads_joined = attended.reshape(batch_size, num_heads * num_channels, attended.shape[-1])
    return heads_joined.transpose(1, 2)
