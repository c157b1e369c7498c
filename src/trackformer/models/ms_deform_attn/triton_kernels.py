"""The CUDA way: one Triton kernel forward, one backward."""

from __future__ import annotations

import functools
import importlib.util
import itertools
import math
import os
from collections.abc import Sequence
from typing import Any, Final

import torch
from jaxtyping import Float
from torch import Tensor

from trackformer.devices import constant_beside
from trackformer.models.ms_deform_attn.level_shapes import LevelShapes

DTYPES: Final = (torch.float32, torch.bfloat16, torch.float16)
THREADS: Final = 128
"""Of a program: Triton's default of four warps."""
LANES: Final = 4
"""Threads that share a row: more would find out the same places again, fewer read it in pieces."""
ACCESS: Final = 16
"""Bytes that one thread reads or adds at once, at most."""
FITS_INT32: Final = 2**31
"""Numbers of one image in a tensor, from which on offsets need 64 bits."""


def why_unavailable(device_type: str, dtype: torch.dtype) -> str | None:
    """What keeps the kernels from running, or None when they can run."""
    if importlib.util.find_spec("triton") is None:
        return "Triton is not installed"
    if device_type != "cuda" and not is_interpreted():
        return f"for CUDA, not for {device_type}"
    if dtype not in DTYPES:
        return f"for float32, bfloat16 and float16, not for {dtype}"
    return None if is_interpreted() else _why_not_launched()


@functools.cache
def _why_not_launched() -> str | None:
    """What keeps Triton itself from launching anything: it needs a C compiler and Python's headers.

    It finds out by compiling its launcher, which it keeps for later processes.
    """
    try:
        from triton.runtime import driver

        driver.active.get_current_target()
    except Exception as error:  # of many kinds, and none forbids the other ways
        reason = str(error).strip().partition("\n")[0]
        return f"Triton cannot launch kernels here: {reason or type(error).__name__}"
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
    inputs = (value, sampling_locations, attention_weights)
    # As many channels as a row's alignment lets one access read.
    together = math.gcd(value.shape[3] * value.element_size(), ACCESS) // value.element_size()
    _launch("forward_kernel", level_shapes, (*inputs, output), together)
    return output


def backward(
    grad_output: Float[Tensor, "B Q C"],
    value: Float[Tensor, "B S M _"],
    level_shapes: LevelShapes,
    sampling_locations: Float[Tensor, "B Q M L P 2"],
    attention_weights: Float[Tensor, "B Q M L P"],
) -> tuple[Float[Tensor, "B S M _"], Float[Tensor, "B Q M L P 2"], Float[Tensor, "B Q M L P"]]:
    """Float32 gradients of value, locations and weights."""
    inputs = (value, sampling_locations, attention_weights)
    grad_value = torch.zeros(value.shape, dtype=torch.float32, device=value.device)
    grad_locations, grad_weights = (
        torch.empty(each.shape, dtype=torch.float32, device=value.device) for each in inputs[1:]
    )
    grads = (grad_value, grad_locations, grad_weights)
    # The atomic sums are float32, whatever is read.
    together = math.gcd(value.shape[3], ACCESS // grad_value.element_size())
    _launch("backward_kernel", level_shapes, (*inputs, grad_output, *grads), together)
    return grads


def _launch(
    kernel: str, level_shapes: LevelShapes, tensors: Sequence[Tensor], together: int
) -> None:
    """Run a kernel on the tensors' device.

    Args:
        kernel: Its name.
        level_shapes: How the tokens lie.
        tensors: All that it reads or writes; value, locations and weights first.
        together: Channels that a thread takes at once.
    """
    value, locations = tensors[:2]
    batch_size, num_queries, num_heads, num_levels, num_points, _ = locations.shape
    if batch_size * num_queries * num_heads == 0:
        return
    block = block_shape(value.shape[3], num_points, together)
    num_blocks = -(-num_queries // block["QUERIES"])
    numbers = max(math.prod(each.shape[1:]) for each in tensors)
    # Triton launches on the current device, wherever the tensors are.
    with torch.cuda.device_of(value):  # type: ignore[no-untyped-call]
        getattr(_kernels(), kernel)[num_blocks * num_heads, batch_size](
            *(each.contiguous() for each in tensors),
            constant_beside(value, _rows_of(level_shapes), torch.int32),
            num_queries,
            value.shape[1],
            HEADS=num_heads,
            CHANNELS=value.shape[3],
            LEVELS=num_levels,
            POINTS=num_points,
            **block,
            WIDE=numbers >= FITS_INT32,
            enable_fp_fusion=True,  # Triton 3.9 warns where nobody says it
        )


def block_shape(num_channels: int, num_points: int, together: int) -> dict[str, int]:
    """How much a program works on: powers of two, except for the number of parts.

    >>> block_shape(num_channels=36, num_points=4, together=4)
    {'QUERIES': 8, 'PLACES': 4, 'WIDTH': 16, 'PARTS': 3}
    """
    width = LANES * together
    while 3 * width < num_channels:
        width *= 2
    width = min(width, _power_of_two(num_channels))
    places = _power_of_two(num_points)
    # A thread takes the channels of one point of one query.
    queries = max(1, THREADS * together // (places * width))
    parts = -(-num_channels // width)
    return {"QUERIES": queries, "PLACES": places, "WIDTH": width, "PARTS": parts}


def _power_of_two(number: int) -> int:
    """The smallest one that is not less."""
    return 1 << (number - 1).bit_length()


def _kernels() -> Any:
    """Imported when first needed: Triton is slow to import and not everywhere."""
    from trackformer.models.ms_deform_attn import triton_source

    return triton_source


def _rows_of(level_shapes: LevelShapes) -> tuple[tuple[int, int, int], ...]:
    """Height, width and first token of each level."""
    areas = [height * width for height, width in level_shapes]
    starts = itertools.accumulate(areas, initial=0)
    return tuple(
        (height, width, start) for (height, width), start in zip(level_shapes, starts, strict=False)
    )
