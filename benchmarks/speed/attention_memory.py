"""Memory of multi-scale deformable attention on the processor: every implementation, four sizes.

Run: `python -m benchmarks.speed.attention_memory`. Each implementation in a process of its own, one
thread.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import torch

from benchmarks.speed.deformable_attention import SIZES, Size, attention_inputs
from benchmarks.suite.own_process import in_own_process, peak_megabytes, start_of_peak
from trackformer.models.ms_deform_attn.attention import ms_deform_attn
from trackformer.models.ms_deform_attn.choice import IMPLEMENTATIONS, why_unavailable


@dataclass(frozen=True, slots=True)
class Row:
    """One implementation at one size; megabytes beyond the inputs, results included."""

    size: str
    implementation: str
    forward_megabytes: float
    both_megabytes: float
    """Forward and backward."""


def measure(sizes: Sequence[Size] = SIZES) -> list[Row]:
    """One row for each size and implementation that runs on processors."""
    names = [name for name in IMPLEMENTATIONS if not why_unavailable(name, "cpu", torch.float32)]
    asked = [size.name for size in sizes]
    return [Row(**row) for name in names for row in in_own_process(__spec__.name, name, *asked)]


def _measure_one(name: str, size: Size) -> Row:
    torch.set_num_threads(1)
    value, locations, weights = attention_inputs(size, torch.device("cpu"), torch.float32)
    tiny = torch.zeros(1, 1, 8, size.num_channels), locations[:, :1, :, :1], weights[:, :1, :, :1]
    ms_deform_attn(tiny[0], ((1, 1),), tiny[1], tiny[2], name)
    before = start_of_peak()
    with torch.no_grad():
        ms_deform_attn(value, size.level_shapes, locations, weights, name)
    forward = peak_megabytes() - before
    before = start_of_peak()
    attended = ms_deform_attn(value, size.level_shapes, locations, weights, name)
    torch.autograd.grad(attended.sum(), (value, locations, weights))
    return Row(size.name, name, forward, peak_megabytes() - before)


def main(arguments: Sequence[str]) -> None:
    """The rows of one implementation as JSON, or the table."""
    if arguments:
        name, asked = arguments[0], arguments[1:]
        rows = [_measure_one(name, size) for size in SIZES if size.name in asked]
        print(json.dumps([asdict(row) for row in rows]))
        return
    for row in measure():
        print(
            f"{row.size:14} {row.implementation:10} forward {row.forward_megabytes:7.0f} MB  "
            f"both {row.both_megabytes:7.0f} MB"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
