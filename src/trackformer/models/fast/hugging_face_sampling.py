"""Deformable attention of transformers' real-time detectors through our own operator."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from trackformer.models.fast.linear import PackedLinear
from trackformer.models.ms_deform_attn.attention import ms_deform_attn


class FastSampling(nn.Module):
    """The attention module of RT-DETR, RT-DETRv2, D-FINE or DEIMv2, with that module's weights.

    Args:
        module: transformers' own; its references must be boxes.
    """

    scales: Tensor
    rows: Tensor
    is_real: Tensor

    # Any: transformers' modules are known here by their attributes only.
    def __init__(self, module: Any) -> None:
        super().__init__()
        self.num_heads: int = module.n_heads
        points = _points_of_levels(module)
        self.num_levels, self.most_points = len(points), max(points)
        self.sampling_offsets: nn.Module = PackedLinear(module.sampling_offsets)
        self.attention_weights: nn.Module = PackedLinear(module.attention_weights)
        self.value = _packed(getattr(module, "value_proj", None))
        self.output = _packed(getattr(module, "output_proj", None))
        # With all offsets within ±P the points fill this share of the box to each side.
        reach = getattr(module, "offset_scale", 0.5)
        scales = torch.tensor([reach / count for count in points for _ in range(count)])
        self.register_buffer(
            "scales", scales[:, None].to(module.sampling_offsets.weight), persistent=False
        )
        rows, is_real = _padded_points(points)
        self.is_ragged = not bool(is_real.all())
        self.register_buffer("rows", rows, persistent=False)
        self.register_buffer("is_real", is_real, persistent=False)

    def forward(
        self,
        hidden_states: Float[Tensor, "B Q C"],
        encoder_hidden_states: Float[Tensor, "B S C"],
        reference_points: Float[Tensor, "B Q 1 4"],
        spatial_shapes_list: list[tuple[int, int]],
        position_embeddings: Tensor | None = None,
        **_others: object,
    ) -> tuple[Float[Tensor, "B Q C"], None]:
        """What transformers calls it with; the second answer stands for the weights."""
        queries = hidden_states
        if position_embeddings is not None:
            queries = queries + position_embeddings
        offsets = self.sampling_offsets(queries).unflatten(-1, (self.num_heads, -1, 2))
        weights = _softmax(self.attention_weights(queries).unflatten(-1, (self.num_heads, -1)))
        reference = reference_points[:, :, :, None]
        locations = offsets * (self.scales * reference[..., 2:]) + reference[..., :2]
        if self.is_ragged:
            locations = locations[:, :, :, self.rows]
            weights = weights[..., self.rows] * self.is_real
        shape = (self.num_levels, self.most_points)
        value: Tensor = self.value(encoder_hidden_states)
        attended = ms_deform_attn(
            value.reshape(*value.shape[:2], self.num_heads, -1),
            tuple(spatial_shapes_list),
            locations.reshape(*locations.shape[:3], *shape, 2),
            weights.reshape(*weights.shape[:3], *shape),
        )
        output: Tensor = self.output(attended)
        return output, None


def _softmax(logits: Float[Tensor, "B Q M P"]) -> Float[Tensor, "B Q M P"]:
    """Over the few points of a head, all heads at once: seven times as fast as head by head."""
    if torch.compiler.is_compiling():
        return logits.softmax(-1)
    columns = logits.flatten(0, 2).t().contiguous().softmax(0)
    return columns.t().reshape(logits.shape)


def uses_own_sampling(module: Any) -> bool:
    """Whether a module samples bilinearly, as our operator does."""
    method = getattr(module, "decoder_method", getattr(module, "method", "default"))
    return bool(method == "default")


def _packed(linear: nn.Linear | None) -> nn.Module:
    return nn.Identity() if linear is None else PackedLinear(linear)


def _points_of_levels(module: Any) -> list[int]:
    """P of every level."""
    for name in ("num_points_list", "n_points_list"):
        if hasattr(module, name):
            return list(getattr(module, name))
    return [module.n_points] * module.n_levels


def _padded_points(points: list[int]) -> tuple[Tensor, Tensor]:
    """Which point stands in each place when every level has as many, and whether it counts."""
    rows, is_real = [], []
    first = 0
    for count in points:
        for place in range(max(points)):
            rows.append(first + min(place, count - 1))
            is_real.append(float(place < count))
        first += count
    return torch.tensor(rows), torch.tensor(is_real)
