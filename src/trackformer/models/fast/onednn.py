"""Which of PyTorch's fused oneDNN operators are there, and when they may be called.

They are what `torch.compile` emits for frozen models on a CPU. Called directly they need no
compiling: bias and activation are applied while a tile is in cache, and the choice of kernel does
not depend on the number of threads (with one thread PyTorch itself computes small convolutions by
copying patches).
"""

from __future__ import annotations

import torch
from torch import Tensor

ACTIVATIONS = {"Identity": "none", "ReLU": "relu", "SiLU": "swish", "SiLUActivation": "swish"}
"""Activations that are applied within a convolution: class, as torch or transformers call it, and
oneDNN's name."""


def is_available() -> bool:
    """Whether this build of PyTorch has the operators."""
    # Bound when first looked up, so hasattr is the way to ask.
    has_operators = all(
        hasattr(torch.ops.mkldnn, name)
        for name in ("_convolution_pointwise", "_linear_pointwise", "_reorder_linear_weight")
    )
    return torch.backends.mkldnn.is_available() and has_operators  # type: ignore[no-untyped-call]


def can_multiply(weight: Tensor) -> bool:
    """Whether oneDNN takes a layer with this weight."""
    if weight.device.type != "cpu" or not is_available():
        return False
    if weight.dtype == torch.bfloat16:
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())  # noqa: SLF001 - an operator
    return weight.dtype == torch.float32


def may_run(values: Tensor) -> bool:
    """Whether oneDNN may be called on these values: graphs keep the well-known operators."""
    return values.device.type == "cpu" and not torch.compiler.is_compiling()
