"""The compiled way: a C++ kernel for processors, built with the package if it can be."""

from __future__ import annotations

import ctypes
import functools
import sysconfig
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from trackformer.models.ms_deform_attn.level_shapes import LevelShapes

DTYPES = (torch.float32, torch.float64)
"""What the kernel computes in."""
NAME = "ms_deform_attn_kernel"
"""Of the library beside this file, without its ending; setup.py builds it."""

_SIZES = (
    *("is_double", "images", "tokens", "heads", "channels"),
    *("queries", "levels", "points", "threads"),
)
_TENSORS = (
    *("value", "locations", "weights", "grad_output", "output"),
    *("grad_value", "grad_locations", "grad_weights"),
)


class _Call(ctypes.Structure):
    """`struct Call` of kernel/call.h."""

    _fields_ = [
        ("parallel_for", ctypes.c_void_p),
        *((name, ctypes.c_int64) for name in _SIZES),
        ("level_shapes", ctypes.c_void_p),
        *((name, ctypes.c_void_p) for name in _TENSORS),
    ]


@functools.cache
def why_unavailable() -> str | None:
    """What keeps the kernel from running here, or None when it can run."""
    if _kernel_file() is None:
        return "not built: no C++ compiler was found when the package was installed"
    if _parallel_for() is None:
        return f"torch {torch.__version__} does not offer its threads; 2.10 and newer do"
    try:
        _kernel()
    except (OSError, AttributeError) as error:
        return " ".join(f"cannot be loaded: {error}".split())
    if _kernel().ms_deform_attn_call_size() != ctypes.sizeof(_Call):
        return "built from older sources: install the package again"
    return None


@functools.cache
def instruction_set() -> str:
    """Which of its variants the kernel runs on this processor."""
    name: bytes = _kernel().ms_deform_attn_instruction_set()
    return name.decode()


def forward(
    value: Float[Tensor, "B S M _"],
    level_shapes: LevelShapes,
    sampling_locations: Float[Tensor, "B Q M L P 2"],
    attention_weights: Float[Tensor, "B Q M L P"],
) -> Float[Tensor, "B Q C"]:
    """The attended values; all tensors of one of `DTYPES`."""
    output = value.new_empty((*sampling_locations.shape[:2], value.shape[2] * value.shape[3]))
    tensors = {
        "value": value.contiguous(),
        "locations": sampling_locations.contiguous(),
        "weights": attention_weights.contiguous(),
        "output": output,
    }
    _run(_kernel().ms_deform_attn_forward, level_shapes, tensors)
    return output


def backward(
    grad_output: Float[Tensor, "B Q C"],
    value: Float[Tensor, "B S M _"],
    level_shapes: LevelShapes,
    sampling_locations: Float[Tensor, "B Q M L P 2"],
    attention_weights: Float[Tensor, "B Q M L P"],
) -> tuple[Float[Tensor, "B S M _"], Float[Tensor, "B Q M L P 2"], Float[Tensor, "B Q M L P"]]:
    """Gradients of value, locations and weights, as `ms_deform_attn` describes them."""
    tensors = {
        "value": value.contiguous(),
        "locations": sampling_locations.contiguous(),
        "weights": attention_weights.contiguous(),
        "grad_output": grad_output.contiguous(),
        "grad_value": torch.zeros(value.shape, dtype=value.dtype),
        "grad_locations": torch.empty(sampling_locations.shape, dtype=value.dtype),
        "grad_weights": torch.empty(attention_weights.shape, dtype=value.dtype),
    }
    _run(_kernel().ms_deform_attn_backward, level_shapes, tensors)
    return tensors["grad_value"], tensors["grad_locations"], tensors["grad_weights"]


def _run(entry: Any, level_shapes: LevelShapes, tensors: dict[str, Tensor]) -> None:
    value, locations = tensors["value"], tensors["locations"]
    if locations.numel() == 0:
        return
    shapes = (ctypes.c_int64 * (2 * len(level_shapes)))(
        *(side for pair in level_shapes for side in pair)
    )
    call = _Call(
        parallel_for=_parallel_for(),
        is_double=value.dtype == torch.float64,
        images=value.shape[0],
        tokens=value.shape[1],
        heads=value.shape[2],
        channels=value.shape[3],
        queries=locations.shape[1],
        levels=locations.shape[3],
        points=locations.shape[4],
        threads=torch.get_num_threads(),
        level_shapes=ctypes.addressof(shapes),
        **{name: tensor.data_ptr() for name, tensor in tensors.items()},
    )
    if entry(ctypes.byref(call)) != 0:
        raise RuntimeError("ms_deform_attn: torch's parallel_for failed")


def _kernel_file() -> Path | None:
    path = Path(__file__).with_name(NAME + str(sysconfig.get_config_var("EXT_SUFFIX")))
    return path if path.is_file() else None


@functools.cache
def _kernel() -> ctypes.CDLL:
    library = ctypes.CDLL(str(_kernel_file()))
    library.ms_deform_attn_instruction_set.restype = ctypes.c_char_p
    return library


@functools.cache
def _parallel_for() -> int | None:
    """Address of torch's own parallel loop: a second pool of threads would fight with the first."""
    try:
        # The library that holds it is among those torch's Python module is linked to.
        function = ctypes.CDLL(torch._C.__file__).torch_parallel_for  # noqa: SLF001
    except (AttributeError, OSError):
        return None
    return ctypes.cast(function, ctypes.c_void_p).value
