"""A test runs this: compile the Triton kernels for a GPU that is not there, as a launch would.

Prints one JSON record per kernel. Triton must not imitate a GPU in this process: only its driver is
pretended.
"""

import json
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.runtime import driver

from trackformer.models.ms_deform_attn import triton_kernels, triton_source

SHAPES = ((3, 5), (2, 2), (1, 4), (1, 1))
TOOLS = Path(triton.__file__).parent / "backends" / "nvidia" / "bin"


class PretendedDriver:
    """All that a kernel asks of its device before it is launched."""

    def __init__(self, capability: int) -> None:
        self.target = GPUTarget("cuda", capability, 32)

    def get_current_target(self) -> GPUTarget:
        return self.target

    def get_current_device(self) -> int:
        return self.target.arch

    def get_current_stream(self, _device: int) -> int:
        return 0


@dataclass(frozen=True)
class Launcher:
    """In place of a kernel: compiles what would be launched."""

    name: str
    compiled: dict[str, Any]

    def __getitem__(self, grid):
        def compile_only(*arguments, **options):
            kernel = getattr(triton_source, self.name)
            self.compiled[self.name] = kernel.warmup(*arguments, grid=grid, **options)

        return compile_only


def compiled_kernels(dtype: torch.dtype, num_channels: int):
    """Forward and backward with 8 heads and 4 points."""
    compiled = {}
    names = ("forward_kernel", "backward_kernel")
    kernels = SimpleNamespace(**{name: Launcher(name, compiled) for name in names})
    triton_kernels._kernels = lambda: kernels
    num_tokens = sum(height * width for height, width in SHAPES)
    samples = (1, num_tokens, 8, len(SHAPES), 4)
    value = torch.zeros(1, num_tokens, 8, num_channels, dtype=dtype)
    inputs = (value, SHAPES, torch.zeros(*samples, 2), torch.zeros(samples))
    grad = triton_kernels.forward(*inputs)
    triton_kernels.backward(grad, *inputs)
    return compiled


def record_of(name: str, kernel) -> dict[str, object]:
    ptx = kernel.asm["ptx"]
    return {
        "kernel": name,
        "fences": len(re.findall(r"membar|fence|acq_rel", ptx)),
        "widest_read": _widest(r"ld\.global\.v(\d)\.b32", ptx),
        # Sums whose answer nobody wants are written as "atom", too, and become "red" later.
        "widest_sum": _widest(r"(?:red|atom)\.[\w.]*\.v(\d)\.f32", ptx),
        "stack": stack_of(kernel.asm["cubin"]),
    }


def _widest(pattern: str, ptx: str) -> int:
    return max(map(int, re.findall(pattern, ptx)), default=1)


def stack_of(program: bytes) -> int:
    """Bytes of local memory a thread: what did not fit into registers."""
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(program)
        file.flush()
        usage = subprocess.run(
            [TOOLS / "cuobjdump", "-res-usage", file.name],
            capture_output=True,
            text=True,
            check=True,
        )
    return int(re.search(r"STACK:(\d+)", usage.stdout)[1])


if __name__ == "__main__":
    records = []
    for words in sys.argv[1:]:
        capability, dtype, num_channels = words.split(",")
        driver.set_active(PretendedDriver(int(capability)))
        case = {"capability": capability, "dtype": dtype, "channels": num_channels}
        for name, kernel in compiled_kernels(getattr(torch, dtype), int(num_channels)).items():
            records.append(case | record_of(name, kernel))
    sys.stdout.write(json.dumps(records))
