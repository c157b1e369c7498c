"""Which devices torch can compute on here."""

from __future__ import annotations

import ctypes
import sys
from typing import Final

import torch

from trackformer.errors import ConfigError

M_TRIM_THRESHOLD: Final = -1
M_MMAP_THRESHOLD: Final = -3
"""Parameters of `mallopt` in glibc's malloc.h."""
LARGEST_MMAP_THRESHOLD: Final = 32 * 2**20
"""Bytes; glibc refuses more."""


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


def keep_freed_memory() -> None:
    """Let this process keep the memory of a frame's maps for the next frame's (Linux, CPU).

    Otherwise every map is given back to the system and comes again page by page, zeroed. For
    programs, not for libraries: the process never shrinks.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:  # other C libraries have no such call
        mallopt(M_MMAP_THRESHOLD, LARGEST_MMAP_THRESHOLD)
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
