"""Whether the C library keeps freed memory for the next frame or gives it back to the system.

glibc takes every large tensor from the system as fresh pages, each of which the kernel fills with
zeros when it is first touched, and gives them back when the tensor is freed; a network does so
hundreds of times a frame. Programs may ask it to keep what was freed. Libraries may not: the
process is their caller's, and it never shrinks again.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping
from typing import Any, Final

M_TRIM_THRESHOLD: Final = -1
M_MMAP_MAX: Final = -4
"""Parameters of `mallopt` in glibc's malloc.h."""
NEVER: Final = -1
"""As `M_TRIM_THRESHOLD`: the end of the heap is never given back."""
NO_MAPPINGS: Final = 0
"""As `M_MMAP_MAX`: large blocks, too, come from the heap. Not `M_MMAP_THRESHOLD`: glibc takes
32 MiB at most, and the maps of a batch are larger."""


def keep_freed_memory() -> bool:
    """Let this process keep the memory of a frame's maps for the next frame's; for programs.

    Returns:
        Whether it does from now on; `why_freed_memory_is_returned` says why not.
    """
    if why_freed_memory_is_returned(os.environ) is not None:
        return False
    mallopt = _glibc().mallopt
    return bool(mallopt(M_TRIM_THRESHOLD, NEVER) and mallopt(M_MMAP_MAX, NO_MAPPINGS))


def why_freed_memory_is_returned(environment: Mapping[str, str]) -> str | None:
    """Why `keep_freed_memory` leaves the C library as it is; None: it does not.

    Args:
        environment: Variables with which the process began.
    """
    chosen = sorted(name for name in environment if name.startswith("MALLOC_"))
    if chosen:
        return f"{chosen[0]} is set"
    if "glibc.malloc." in environment.get("GLIBC_TUNABLES", ""):
        return "GLIBC_TUNABLES is set"
    glibc = _glibc()
    if glibc is None:
        return "the C library is not glibc"
    if _address(ctypes.CDLL(None).malloc) != _address(glibc.malloc):
        return "another allocator is loaded"
    return None


# Any: a C library's functions are known by their names only.
def _glibc() -> Any:
    """None on macOS, Windows and with other C libraries."""
    try:
        library = ctypes.CDLL("libc.so.6")
    except OSError:
        return None
    return library if hasattr(library, "gnu_get_libc_version") else None


def _address(function: Any) -> int | None:
    return ctypes.cast(function, ctypes.c_void_p).value
