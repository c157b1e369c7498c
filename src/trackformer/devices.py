"""Which devices torch can compute on here."""

from __future__ import annotations

import torch

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
