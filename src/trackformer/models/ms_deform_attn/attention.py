"""Multi-scale deformable attention: one function, several implementations, one operator of torch.

Zhu et al. 2021, "Deformable DETR", equation 3, without its linear layers. `choice.py` says which
implementation runs; each is one file with the same `forward` and `backward`.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any, Final

import torch
from jaxtyping import Float
from torch import Tensor

from trackformer.models.ms_deform_attn import compiled, portable, reference, triton_kernels
from trackformer.models.ms_deform_attn.choice import (
    COMPILED,
    PORTABLE,
    REFERENCE,
    TRITON,
    choose_implementation,
)
from trackformer.models.ms_deform_attn.level_shapes import LevelShapes

_MODULES: Final[dict[str, ModuleType]] = {
    PORTABLE: portable,
    COMPILED: compiled,
    TRITON: triton_kernels,
}


def ms_deform_attn(
    value: Float[Tensor, "B S M D"],
    level_shapes: LevelShapes,
    sampling_locations: Float[Tensor, "B Q M L P 2"],
    attention_weights: Float[Tensor, "B Q M L P"],
    implementation: str | None = None,
) -> Float[Tensor, "B Q M*D"]:
    """Σ over levels and points of weight times the bilinear sample of `value`, heads side by side.

    Zeros beyond a map, cell centres at half-integers (`grid_sample` with `align_corners=False`).
    Differentiable once in all three tensors; where a location is exactly a cell's centre, its
    gradient is the one from the right. In 16 bits only `value` and the result are rounded; sums are
    float32 (not in the reference).

    Args:
        value: Projected tokens of all levels, split into heads.
        level_shapes: How the tokens lie.
        sampling_locations: (x, y), relative: a level spans [0, 1]; may lie outside.
        attention_weights: Usually they add up to 1 over levels and points.
        implementation: One of `choice.IMPLEMENTATIONS`; absent: `choose_implementation` decides.

    Raises:
        ValueError: The levels do not have as many cells as there are tokens.
        ConfigError: An implementation is forced that cannot run here.
    """
    num_cells = sum(height * width for height, width in level_shapes)
    if num_cells != value.shape[1]:
        raise ValueError(
            f"ms_deform_attn: expected {num_cells} tokens for levels {level_shapes}, "
            f"got {value.shape[1]}"
        )
    inputs = (value, sampling_locations, attention_weights)
    if implementation is None:
        needs_gradient = torch.is_grad_enabled() and any(each.requires_grad for each in inputs)
        implementation = choose_implementation(
            value.device, value.dtype, needs_gradient=needs_gradient
        ).implementation
    if implementation == REFERENCE:
        return reference.forward(value, level_shapes, sampling_locations, attention_weights)
    sides = [side for shape in level_shapes for side in shape]
    output: Tensor = _attend(value, sides, sampling_locations, attention_weights, implementation)
    return output


@torch.library.custom_op(
    "trackformer::ms_deform_attn",
    mutates_args=(),
    schema="(Tensor value, SymInt[] level_sides, Tensor sampling_locations, "
    "Tensor attention_weights, str implementation) -> Tensor",
)
def _attend(
    value: Tensor,
    level_sides: Sequence[int],
    sampling_locations: Tensor,
    attention_weights: Tensor,
    implementation: str,
) -> Tensor:
    shapes = _pairs(level_sides)
    module, inputs = _MODULES[implementation], (value, sampling_locations, attention_weights)
    if implementation == TRITON:  # its kernels read and write 16 bits themselves
        output: Tensor = module.forward(value, shapes, *inputs[1:])
        return output
    dtype = _computed_in(inputs)
    value, locations, weights = (each.to(dtype) for each in inputs)
    output = module.forward(value, shapes, locations, weights)
    return output.to(inputs[0].dtype)


@_attend.register_fake
def _(
    value: Tensor,
    level_sides: Sequence[int],
    sampling_locations: Tensor,
    attention_weights: Tensor,
    implementation: str,
) -> Tensor:
    del level_sides, attention_weights, implementation
    return value.new_empty((*sampling_locations.shape[:2], value.shape[2] * value.shape[3]))


@torch.library.custom_op(
    "trackformer::ms_deform_attn_backward",
    mutates_args=(),
    schema="(Tensor grad_output, Tensor value, SymInt[] level_sides, Tensor sampling_locations, "
    "Tensor attention_weights, str implementation) -> (Tensor, Tensor, Tensor)",
)
def _spread(
    grad_output: Tensor,
    value: Tensor,
    level_sides: Sequence[int],
    sampling_locations: Tensor,
    attention_weights: Tensor,
    implementation: str,
) -> tuple[Tensor, Tensor, Tensor]:
    shapes = _pairs(level_sides)
    module, inputs = _MODULES[implementation], (value, sampling_locations, attention_weights)
    if implementation == TRITON:
        grads = module.backward(grad_output, value, shapes, *inputs[1:])
    else:
        dtype = _computed_in(inputs)
        value, locations, weights = (each.to(dtype) for each in inputs)
        grads = module.backward(grad_output.to(dtype), value, shapes, locations, weights)
    first, second, third = (grad.to(each.dtype) for grad, each in zip(grads, inputs, strict=True))
    return first, second, third


@_spread.register_fake
def _(
    grad_output: Tensor,
    value: Tensor,
    level_sides: Sequence[int],
    sampling_locations: Tensor,
    attention_weights: Tensor,
    implementation: str,
) -> tuple[Tensor, Tensor, Tensor]:
    del grad_output, level_sides, implementation
    inputs = (value, sampling_locations, attention_weights)
    first, second, third = (each.new_empty(each.shape) for each in inputs)
    return first, second, third


# Any: torch's own context of one call.
def _remember(ctx: Any, inputs: tuple[object, ...], output: Tensor) -> None:
    del output
    value, sides, locations, weights, implementation = inputs
    ctx.save_for_backward(value, locations, weights)
    ctx.sides, ctx.implementation = sides, implementation


def _differentiate(ctx: Any, grad_output: Tensor) -> tuple[Tensor, None, Tensor, Tensor, None]:
    value, locations, weights = ctx.saved_tensors
    by_value, by_location, by_weight = _spread(
        grad_output, value, ctx.sides, locations, weights, ctx.implementation
    )
    return by_value, None, by_location, by_weight, None


_attend.register_autograd(_differentiate, setup_context=_remember)


def _pairs(sides: Sequence[int]) -> LevelShapes:
    return tuple(zip(sides[::2], sides[1::2], strict=True))


def _computed_in(inputs: Sequence[Tensor]) -> torch.dtype:
    """The widest dtype of all, and at least float32."""
    dtype = torch.float32
    for each in inputs:
        dtype = torch.promote_types(dtype, each.dtype)
    return dtype
