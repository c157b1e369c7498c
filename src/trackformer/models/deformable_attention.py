"""Multi-scale deformable attention: every query looks at a few points of every level."""

from __future__ import annotations

import math
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from trackformer.devices import constant_beside, is_at_hand
from trackformer.models.ms_deform_attn.attention import ms_deform_attn
from trackformer.models.ms_deform_attn.level_shapes import LevelShapes
from trackformer.models.parts.sublayers import check_heads


class DeformableAttention(nn.Module):
    """Attention to P points per head and level, at learned offsets from a reference.

    Zhu et al. 2021, section 4.1, equation 3.

    Args:
        embedding_size: C, shared equally by the heads.
        num_heads: M.
        num_levels: L.
        num_points: P.
        offset_normalizer: What offsets from a reference *point* are divided by. A level's
            (width, height) makes them cells; (height, width) swaps the axes on maps that are not
            square, as TrackFormer's published checkpoints were trained.
    """

    def __init__(
        self,
        embedding_size: int,
        num_heads: int,
        num_levels: int,
        num_points: int,
        offset_normalizer: Literal["width_height", "height_width"],
    ) -> None:
        super().__init__()
        check_heads(embedding_size, num_heads)
        self.num_heads, self.num_levels, self.num_points = num_heads, num_levels, num_points
        self.offset_normalizer = offset_normalizer
        num_samples = num_heads * num_levels * num_points
        self.sampling_offsets = nn.Linear(embedding_size, num_samples * 2)
        self.attention_weights = nn.Linear(embedding_size, num_samples)
        self.value = nn.Linear(embedding_size, embedding_size)
        self.output = nn.Linear(embedding_size, embedding_size)
        self._initialise()

    def forward(
        self,
        queries: Float[Tensor, "B Q C"],
        reference: Float[Tensor, "B Q L R"],
        tokens: Float[Tensor, "B S C"],
        is_padding: Bool[Tensor, "B S"],
        level_shapes: LevelShapes,
    ) -> Float[Tensor, "B Q C"]:
        """Weighted means of projected tokens around each query's reference.

        Args:
            queries: What decides offsets and weights.
            reference: Points (R = 2: x, y) or boxes (R = 4: cxcywh), relative to each level with
                its padding.
            tokens: All levels, one after the other.
            is_padding: Tokens that count as zeros.
            level_shapes: How the tokens lie.
        """
        samples = (self.num_heads, self.num_levels, self.num_points)
        value = _without_padding(self.value(tokens), is_padding)
        offsets = self.sampling_offsets(queries).unflatten(-1, (*samples, 2))
        weights = self.attention_weights(queries).unflatten(-1, (self.num_heads, -1)).softmax(-1)
        attended = ms_deform_attn(
            value.view(*value.shape[:2], self.num_heads, -1),
            level_shapes,
            self._sampling_locations(offsets, reference, level_shapes),
            weights.unflatten(-1, samples[1:]),
        )
        output: Tensor = self.output(attended)
        return output

    def _sampling_locations(
        self,
        offsets: Float[Tensor, "B Q M L P 2"],
        reference: Float[Tensor, "B Q L R"],
        level_shapes: LevelShapes,
    ) -> Float[Tensor, "B Q M L P 2"]:
        if reference.shape[-1] == 4:
            # With all offsets within ±P the points fill the box.
            boxes = reference[:, :, None, :, None]
            return boxes[..., :2] + offsets / self.num_points * boxes[..., 2:] * 0.5
        # As exact as the reference: 16 bits hold no side above 256 for certain.
        shapes = constant_beside(offsets, level_shapes, reference.dtype)
        if self.offset_normalizer == "width_height":
            shapes = shapes.flip(-1)
        # A head's samples in one row: pair by pair this takes fifteen times as long on a CPU.
        centres = reference[:, :, :, None].expand(-1, -1, -1, self.num_points, -1)
        divisors = shapes[:, None].expand(-1, self.num_points, -1).flatten()
        locations = torch.addcdiv(centres.flatten(2)[:, :, None], offsets.flatten(3), divisors)
        return locations.view_as(offsets)

    def _initialise(self) -> None:
        """At first head m looks straight ahead in its own direction, point p lies p cells away."""
        angles = torch.arange(self.num_heads) * (2 * math.pi / self.num_heads)
        directions = torch.stack([angles.cos(), angles.sin()], dim=-1)
        directions = directions / directions.abs().amax(-1, keepdim=True)
        distances = torch.arange(1, self.num_points + 1)
        offsets = directions[:, None, None, :] * distances[:, None]
        offsets = offsets.expand(-1, self.num_levels, -1, -1)
        nn.init.zeros_(self.sampling_offsets.weight)
        with torch.no_grad():
            self.sampling_offsets.bias.copy_(offsets.reshape(-1))
        nn.init.zeros_(self.attention_weights.weight)
        nn.init.zeros_(self.attention_weights.bias)
        for projection in (self.value, self.output):
            nn.init.xavier_uniform_(projection.weight)
            nn.init.zeros_(projection.bias)


def _without_padding(
    value: Float[Tensor, "B S C"], is_padding: Bool[Tensor, "B S"]
) -> Float[Tensor, "B S C"]:
    """Zeros where there is padding."""
    if _is_seen_whole(is_padding):
        return value
    # In place: the projection is nobody else's.
    return value.masked_fill_(is_padding[..., None], 0.0)


def _is_seen_whole(is_padding: Bool[Tensor, "B S"]) -> bool:
    """Whether a look finds no padding: it saves a pass over the largest tensor of the layer."""
    return is_at_hand(is_padding) and not bool(is_padding.any())
