"""Which devices torch can compute on here, and how numbers get to one."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from trackformer.errors import ConfigError


def available_devices() -> tuple[str, ...]:
    """Names that `choose_device` accepts besides "auto", the processor first."""
    names = ["cpu"]
    if torch.cuda.is_available():
        names += ["cuda", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        names.append("mps")
    return tuple(names)


def choose_device(name: str) -> torch.device:
    """The device called `name`; "auto" is the first CUDA device, else the processor.

    Raises:
        ConfigError: This machine has no such device.
    """
    available = available_devices()
    if name == "auto":
        return torch.device("cuda" if "cuda" in available else "cpu")
    if name not in available:
        raise ConfigError(
            f"device {name!r}: not on this machine; available: {', '.join(available)}"
        )
    return torch.device(name)


def constant_beside(
    tensor: Tensor,
    numbers: Sequence[float] | Sequence[int] | Sequence[tuple[int, int]],
    dtype: torch.dtype,
) -> Tensor:
    """Numbers on the device of `tensor`, for which the host does not wait.

    `Tensor.new_tensor` and `torch.tensor(..., device=...)` wait until the device has done all that
    it was asked before.
    """
    return torch.tensor(numbers, dtype=dtype).to(tensor.device, non_blocking=True)
