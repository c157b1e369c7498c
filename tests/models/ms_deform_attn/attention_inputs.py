"""Random inputs of multi-scale deformable attention, and the gradients of a fixed sum."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from trackformer.models.ms_deform_attn.attention import ms_deform_attn


@dataclass(frozen=True)
class AttentionInputs:
    level_shapes: tuple[tuple[int, int], ...]
    value: Tensor
    locations: Tensor
    weights: Tensor

    @property
    def tensors(self) -> tuple[Tensor, Tensor, Tensor]:
        return self.value, self.locations, self.weights

    def to(self, dtype: torch.dtype) -> AttentionInputs:
        return AttentionInputs(self.level_shapes, *(each.to(dtype) for each in self.tensors))


def random_inputs(
    level_shapes: tuple[tuple[int, int], ...],
    num_images: int = 2,
    num_queries: int = 9,
    num_heads: int = 3,
    num_points: int = 2,
    num_channels: int = 5,
    *,
    spread: float = 1.5,
    seed: int = 0,
) -> AttentionInputs:
    """In float64; locations cover `spread` times the map, around its middle."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator, dtype=torch.float64)

    num_tokens = sum(height * width for height, width in level_shapes)
    samples = (num_images, num_queries, num_heads, len(level_shapes), num_points)
    return AttentionInputs(
        level_shapes,
        draw(num_images, num_tokens, num_heads, num_channels) - 0.5,
        (draw(*samples, 2) - 0.5) * spread + 0.5,
        draw(*samples),
    )


def gradients(
    inputs: AttentionInputs, implementation: str
) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
    """The attended values, and gradients of their sum with the weights 1, 2, 3, ..."""
    leaves = [each.detach().clone().requires_grad_() for each in inputs.tensors]
    attended = ms_deform_attn(leaves[0], inputs.level_shapes, leaves[1], leaves[2], implementation)
    factors = torch.arange(1, attended.numel() + 1, device=attended.device).view_as(attended)
    (attended * (factors / factors.numel()).to(attended)).sum().backward()
    first, second, third = (leaf.grad for leaf in leaves)
    return attended.detach(), (first, second, third)
