"""Multi-scale deformable attention: every implementation beside grid_sample, in one run.

`python -m benchmarks.speed.deformable_attention` prints the table. On the processor: its own time,
one thread, so that other work of the machine does not count; on a GPU: the clock.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from trackformer.models.ms_deform_attn.attention import ms_deform_attn
from trackformer.models.ms_deform_attn.choice import IMPLEMENTATIONS, REFERENCE, why_unavailable

FULL = ((100, 167), (50, 84), (25, 42), (13, 21))
"""Levels of an image of 800 x 1333 pixels."""
SMALL = ((48, 80), (24, 40), (12, 20))
"""Levels of an image of 384 x 640 pixels."""
SPREAD = 2.0
"""Standard deviation of sampling offsets, in cells."""
GPU_CALLS = 10
"""Calls that are timed together on a GPU."""


@dataclass(frozen=True)
class Size:
    """What is attended to."""

    name: str
    level_shapes: tuple[tuple[int, int], ...]
    num_channels: int
    """Of each of the 8 heads."""
    num_queries: int | None
    """None: an encoder, where each token is a query."""


SIZES = (
    Size("enc32", FULL, 32, None),
    Size("dec", FULL, 32, 300),
    Size("small encoder", SMALL, 16, None),
    Size("hidden 288", FULL, 36, None),
)


@dataclass(frozen=True)
class Row:
    """One implementation at one size; times are medians in milliseconds."""

    size: str
    implementation: str
    forward_ms: float
    both_ms: float
    """Forward and backward."""
    forward_ratio: float
    """grid_sample's time over this one's."""
    both_ratio: float
    extra_bytes: int | None
    """Most memory a forward and backward take beyond inputs; measured on CUDA only."""
    forward_bound_ms: float
    """Reading the four rows of every sample at the speed of the cache (`_bytes_per_second`)."""


def measure(
    sizes: Sequence[Size] = SIZES,
    *,
    device: torch.device | None = None,
    dtype: torch.dtype = torch.float32,
    repeats: int = 3,
) -> list[Row]:
    """Time every implementation that can run on `device`, in turns: noise hits all of them."""
    device = device or torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.type == "cpu":
        torch.set_num_threads(1)
    names = [name for name in IMPLEMENTATIONS if not why_unavailable(name, device.type, dtype)]
    speed = _bytes_per_second(device)
    return [row for size in sizes for row in _rows(size, names, device, dtype, repeats, speed)]


def _rows(
    size: Size,
    names: Sequence[str],
    device: torch.device,
    dtype: torch.dtype,
    repeats: int,
    speed: float,
) -> list[Row]:
    inputs = attention_inputs(size, device, dtype)
    calls = {name: (_forward(size, inputs, name), _both(size, inputs, name)) for name in names}
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    for _ in range(repeats):
        for name, (forward, both) in calls.items():
            times[name].append((_seconds(forward, device), _seconds(both, device)))
    medians = {
        name: tuple(statistics.median(column) * 1e3 for column in zip(*rows, strict=True))
        for name, rows in times.items()
    }
    base_forward, base_both = medians[REFERENCE]
    read = inputs[2].numel() * 4 * size.num_channels * inputs[0].element_size()
    return [
        Row(
            size.name,
            name,
            forward,
            both,
            base_forward / forward,
            base_both / both,
            _extra_bytes(calls[name][1], device),
            read / speed * 1e3,
        )
        for name, (forward, both) in medians.items()
    ]


def attention_inputs(
    size: Size, device: torch.device, dtype: torch.dtype
) -> tuple[Tensor, Tensor, Tensor]:
    """Value, locations around every token or around random points, weights."""
    generator = torch.Generator().manual_seed(0)
    num_tokens = sum(height * width for height, width in size.level_shapes)
    if size.num_queries is None:
        centres = torch.cat([_centres(*shape) for shape in size.level_shapes])
    else:
        centres = torch.rand(size.num_queries, 2, generator=generator)
    samples = (1, len(centres), 8, len(size.level_shapes), 4)
    sides = torch.tensor(size.level_shapes).flip(-1)[:, None]
    offsets = torch.randn(*samples, 2, generator=generator) * SPREAD / sides
    weights = torch.rand(samples, generator=generator)
    value = torch.randn(1, num_tokens, 8, size.num_channels, generator=generator)
    locations = centres[:, None, None, None] + offsets
    tensors = (value.to(dtype), locations, weights / weights.sum((-1, -2), keepdim=True))
    first, second, third = (tensor.to(device).requires_grad_() for tensor in tensors)
    return first, second, third


def _centres(height: int, width: int) -> Tensor:
    y, x = torch.meshgrid(
        (torch.arange(height) + 0.5) / height, (torch.arange(width) + 0.5) / width, indexing="ij"
    )
    return torch.stack([x, y], dim=-1).flatten(0, 1)


def _forward(size: Size, inputs: tuple[Tensor, ...], name: str) -> Callable[[], None]:
    value, locations, weights = inputs

    def call() -> None:
        with torch.no_grad():
            ms_deform_attn(value, size.level_shapes, locations, weights, name)

    return call


def _both(size: Size, inputs: tuple[Tensor, ...], name: str) -> Callable[[], None]:
    value, locations, weights = inputs
    ones = value.new_ones(1, locations.shape[1], value.shape[2] * value.shape[3])

    def call() -> None:
        attended = ms_deform_attn(value, size.level_shapes, locations, weights, name)
        torch.autograd.grad(attended, inputs, ones)

    return call


def _seconds(call: Callable[[], None], device: torch.device) -> float:
    # Once before: in a model the layer before has just written the value.
    call()
    if device.type != "cuda":
        start = time.process_time()
        call()
        return time.process_time() - start
    # In a row: a GPU is not done with one when the host launches the next.
    _wait(device)
    start = time.perf_counter()
    for _ in range(GPU_CALLS):
        call()
    _wait(device)
    return (time.perf_counter() - start) / GPU_CALLS


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _extra_bytes(call: Callable[[], None], device: torch.device) -> int | None:
    if device.type != "cuda":
        return None
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    call()
    return torch.cuda.max_memory_allocated(device) - before


def _bytes_per_second(device: torch.device) -> float:
    """Reading speed from the cache that serves neighbouring samples, fastest of several sums."""
    # A core's own second-level cache; on a GPU the one all share.
    numbers = torch.ones(6_000_000 if device.type == "cuda" else 150_000, device=device)

    def read() -> None:
        numbers.sum()

    fastest = min(_seconds(read, device) for _ in range(200))
    return numbers.nbytes / fastest


def main() -> None:
    """Print the table."""
    header = ("size", "way", "fwd ms", "x", "both ms", "x", "bound ms")
    print("{:14} {:10} {:>9} {:>6} {:>9} {:>6} {:>9}".format(*header))
    for row in measure():
        print(
            f"{row.size:14} {row.implementation:10} {row.forward_ms:9.1f} {row.forward_ratio:6.1f} "
            f"{row.both_ms:9.1f} {row.both_ratio:6.1f} {row.forward_bound_ms:9.1f}"
        )


if __name__ == "__main__":
    main()
