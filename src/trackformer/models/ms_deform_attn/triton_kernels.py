"""The CUDA way: one Triton kernel forward, one backward."""

from __future__ import annotations

import functools
import importlib.util
import os
from typing import Any, Final

import torch
from jaxtyping import Float
from torch import Tensor

from trackformer.models.ms_deform_attn.level_shapes import LevelShapes

DTYPES: Final = (torch.float32, torch.bfloat16, torch.float16)
HEADS_AT_ONCE: Final = 16
"""Queries' heads that one program sums up."""


def why_unavailable(device_type: str, dtype: torch.dtype) -> str | None:
    """What keeps the kernels from running, or None when they can run."""
    if importlib.util.find_spec("triton") is None:
        return "Triton is not installed"
    if device_type != "cuda" and not is_interpreted():
        return f"for CUDA, not for {device_type}"
    if dtype not in DTYPES:
        return f"for float32, bfloat16 and float16, not for {dtype}"
    return None


def is_interpreted() -> bool:
    """Whether Triton imitates a GPU on the processor, as tests make it do."""
    return os.environ.get("TRITON_INTERPRET") == "1"


def forward(
    value: Float[Tensor, "B S M _"],
    level_shapes: LevelShapes,
    sampling_locations: Float[Tensor, "B Q M L P 2"],
    attention_weights: Float[Tensor, "B Q M L P"],
) -> Float[Tensor, "B Q C"]:
    """The attended values in `value`'s dtype, summed in float32."""
    num_channels = value.shape[2] * value.shape[3]
    output = value.new_empty((*sampling_locations.shape[:2], num_channels))
    tensors = (value, sampling_locations, attention_weights)
    _launch("forward_kernel", level_shapes, tensors, (output,))
    return output


def backward(
    grad_output: Float[Tensor, "B Q C"],
    value: Float[Tensor, "B S M _"],
    level_shapes: LevelShapes,
    sampling_locations: Float[Tensor, "B Q M L P 2"],
    attention_weights: Float[Tensor, "B Q M L P"],
) -> tuple[Float[Tensor, "B S M _"], Float[Tensor, "B Q M L P 2"], Float[Tensor, "B Q M L P"]]:
    """Float32 gradients of value, locations and weights."""
    grads = (
        torch.zeros(value.shape, dtype=torch.float32, device=value.device),
        torch.empty(sampling_locations.shape, dtype=torch.float32, device=value.device),
        torch.empty(attention_weights.shape, dtype=torch.float32, device=value.device),
    )
    tensors = (value, sampling_locations, attention_weights)
    _launch("backward_kernel", level_shapes, tensors, (grad_output.contiguous(), *grads))
    return grads


def _launch(
    kernel: str,
    level_shapes: LevelShapes,
    inputs: tuple[Tensor, Tensor, Tensor],
    others: tuple[Tensor, ...],
) -> None:
    value, locations, weights = (each.contiguous() for each in inputs)
    batch_size, num_tokens, num_heads, num_channels = value.shape
    num_items = batch_size * locations.shape[1] * num_heads
    if num_items == 0:
        return
    grid = (-(-num_items // HEADS_AT_ONCE),)
    getattr(_kernels(), kernel)[grid](
        value,
        locations,
        weights,
        *others,
        _levels_on(value.device, level_shapes),
        num_items,
        locations.shape[1],
        num_tokens,
        HEADS=num_heads,
        CHANNELS=num_channels,
        LEVELS=len(level_shapes),
        POINTS=locations.shape[4],
        ITEMS=HEADS_AT_ONCE,
        LANES=1 << (num_channels - 1).bit_length(),
    )


def _kernels() -> Any:
    """Imported when first needed: Triton is slow to import and not everywhere."""
    from trackformer.models.ms_deform_attn import triton_source

    return triton_source


@functools.lru_cache(maxsize=64)
def _levels_on(device: torch.device, level_shapes: LevelShapes) -> Tensor:
    """Height, width and first token of each level; kept, as sending it makes the host wait."""
    rows, start = [], 0
    for height, width in level_shapes:
        rows.append((height, width, start))
        start += height * width
    return torch.tensor(rows, dtype=torch.int32, device=device)
