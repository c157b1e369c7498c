"""Batch normalisation whose statistics and affine parameters never change."""

from __future__ import annotations

import itertools

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

TRANSFORMERS_EPS = 1e-5
"""Written into the code of transformers' frozen norms."""


class FrozenBatchNorm2d(nn.Module):
    """`nn.BatchNorm2d` with everything fixed, in training mode too.

    Detection batches are too small to estimate statistics from. One fused call, unlike
    torchvision's class of this name, which multiplies and adds in two passes over the map.
    """

    weight: Tensor
    bias: Tensor
    running_mean: Tensor
    running_var: Tensor

    def __init__(self, num_features: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.register_buffer("weight", torch.ones(num_features))
        self.register_buffer("bias", torch.zeros(num_features))
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))

    def forward(self, features: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        """(x - mean) / sqrt(variance + eps) * weight + bias, per channel."""
        return F.batch_norm(
            features,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            training=False,
            eps=self.eps,
        )


def freeze_batch_norms(network: nn.Module) -> None:
    """Replace every `nn.BatchNorm2d` inside by its frozen form, with the values it has.

    So are transformers' own frozen norms, which take five passes over the map.
    """
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.BatchNorm2d) or _is_frozen_elsewhere(child):
                frozen = FrozenBatchNorm2d(
                    len(child.running_mean),  # type: ignore[arg-type]
                    eps=getattr(child, "eps", TRANSFORMERS_EPS),
                )
                for key in ("weight", "bias", "running_mean", "running_var"):
                    getattr(frozen, key).copy_(getattr(child, key).detach())
                setattr(module, name, frozen)


def _is_frozen_elsewhere(module: nn.Module) -> bool:
    is_named_so = type(module).__name__.endswith("FrozenBatchNorm2d")
    return is_named_so and not isinstance(module, FrozenBatchNorm2d)


def fold_batch_norms(network: nn.Module) -> None:
    """Merge every frozen BatchNorm into the convolution registered right before it.

    The result is the same up to rounding, with one pass over the map less per layer. Only for
    networks that register a convolution and its norm one after the other, as transformers' do.
    """
    for module in list(network.modules()):
        children = list(module.named_children())
        for (_, convolution), (name, norm) in itertools.pairwise(children):
            if isinstance(convolution, nn.Conv2d) and isinstance(norm, FrozenBatchNorm2d):
                weight, bias = _folded(convolution, norm)
                convolution.weight, convolution.bias = nn.Parameter(weight), nn.Parameter(bias)
                setattr(module, name, nn.Identity())


def _folded(convolution: nn.Conv2d, norm: FrozenBatchNorm2d) -> tuple[Tensor, Tensor]:
    """Weight and bias of one convolution that does what both do."""
    weight = convolution.weight.detach()
    if weight.is_meta:
        # Only sizes are asked for; torch would import its compiler to divide nothing by nothing.
        return weight, norm.bias
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    shift = norm.bias - norm.running_mean * scale
    if convolution.bias is not None:
        shift = shift + convolution.bias.detach() * scale
    return weight * scale[:, None, None, None], shift
