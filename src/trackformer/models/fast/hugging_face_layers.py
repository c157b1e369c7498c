"""Fast forms of the layers in transformers' real-time detectors, recognised by their names."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from trackformer.models.fast.convolution import FusedConvolution, scaled, summed
from trackformer.models.fast.hugging_face_sampling import FastSampling, uses_own_sampling
from trackformer.models.fast.linear import PackedLinear


def fast_layer(module: nn.Module) -> nn.Module | None:
    """The fast form of one layer, its norms folded already; None for anything else."""
    name = type(module).__name__
    if name.endswith(("ConvNormLayer", "HGNetV2ConvLayer", "ResNetConvLayer")):
        return _convolution_layer(module)
    if name.endswith("RepVggBlock"):
        return _two_in_one(module)
    if name.endswith("MultiscaleDeformableAttention") and uses_own_sampling(module):
        return FastSampling(module)
    if name.endswith("SinePositionEmbedding"):
        return CellEncoding(module)
    if isinstance(module, nn.MaxPool2d):
        return _pool(module)
    return PackedLinear(module) if type(module) is nn.Linear else None


# Any: transformers' layers are known here by their attributes only.
def _convolution_layer(layer: Any) -> nn.Module | None:
    """Convolution, activation and HGNetV2's learned scale and shift."""
    convolution, norm = (
        (layer.conv, layer.norm)
        if hasattr(layer, "conv")
        else (layer.convolution, layer.normalization)
    )
    if not isinstance(norm, nn.Identity):
        return None
    affine = getattr(layer, "lab", None)
    if affine is None or isinstance(affine, nn.Identity):
        return FusedConvolution(convolution, layer.activation)
    scale, shift = float(affine.scale), float(affine.bias)
    if not isinstance(layer.activation, nn.ReLU) or scale <= 0:
        return None
    # scale · relu(x) = relu(scale · x); the shift cannot move into the next convolution, which
    # pads with zeros.
    return FusedConvolution(scaled(convolution, scale), layer.activation, shift)


def _two_in_one(block: Any) -> nn.Module | None:
    wide, narrow = block.conv1, block.conv2
    if not isinstance(wide.norm, nn.Identity) or not isinstance(narrow.norm, nn.Identity):
        return None
    return FusedConvolution(summed(wide.conv, narrow.conv), block.activation)


def _pool(pool: nn.MaxPool2d) -> nn.Module | None:
    is_pairwise = (pool.kernel_size, pool.stride, pool.padding) == (2, 1, 0)
    return PairwiseMaximum() if is_pairwise else None


class PairwiseMaximum(nn.Module):
    """The largest of each 2 x 2 cells, stride 1.

    PyTorch's own pooling of few channels in `channels_last` order takes twenty times as long.
    """

    def forward(self, features: Float[Tensor, "B C _ _"]) -> Float[Tensor, "B C H W"]:
        """One row and one column less."""
        if torch.compiler.is_compiling():
            return F.max_pool2d(features, kernel_size=2, stride=1)
        rows = torch.maximum(features[:, :, :-1], features[:, :, 1:])
        return torch.maximum(rows[..., :-1], rows[..., 1:])


class CellEncoding(nn.Module):
    """transformers' own position encoding of a map, for graphs of any size.

    The class of theirs turns sizes into Python's ints, which a graph takes for constants.
    """

    # Any: transformers' modules are known here by their attributes only.
    def __init__(self, module: Any) -> None:
        super().__init__()
        self._sines = module._cached_build_2d_sinusoidal_position_embedding  # noqa: SLF001
        self._constants = {"embed_dim": module.embed_dim, "temperature": module.temperature}

    def forward(
        self, width: int, height: int, device: torch.device, dtype: torch.dtype
    ) -> Float[Tensor, "1 S C"]:
        """Encode every cell, row by row."""
        encoded: Tensor = self._sines(
            height=height, width=width, device=device, dtype=dtype, **self._constants
        )
        return encoded[None]
