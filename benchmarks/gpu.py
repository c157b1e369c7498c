"""On a GPU: deformable attention in bfloat16, and tracked frames a second.

Run: `python -m benchmarks.gpu`. TrackFormer with a ResNet-50 (the published size, one frame) at
800 x 1333 with 50 tracks in bfloat16; the clock, with the device waited for.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch

from benchmarks import deformable_attention
from benchmarks.tracked_frame import SIZE, TRACKS, published_architecture, tracks_of
from trackformer.models.fast.optimize import optimize_for_inference
from trackformer.models.ms_deform_attn.choice import REFERENCE
from trackformer.models.trackformer import TrackFormer
from trackformer.types import Images, TrackQueries

STREAMS = (1, 2, 4, 8)
FRAMES = 20
ATTENTION_SIZES = deformable_attention.SIZES


@dataclass(frozen=True, slots=True)
class Row:
    """One measured figure."""

    what: str
    figure: float


def why_skipped() -> str | None:
    """What keeps this section from running here."""
    return None if torch.cuda.is_available() else "needs a GPU"


def measure(device: torch.device | None = None, size: tuple[int, int] = SIZE) -> list[Row]:
    """Ratios to `grid_sample`, then frames a second by number of streams."""
    device = device or torch.device("cuda")
    attention = deformable_attention.measure(ATTENTION_SIZES, device=device, dtype=torch.bfloat16)
    rows = []
    for row in attention:
        if row.implementation != REFERENCE:
            what = f"{row.size}, {row.implementation}"
            rows.append(Row(f"{what}, forward, x", row.forward_ratio))
            rows.append(Row(f"{what}, forward and backward, x", row.both_ratio))
    model = published_architecture(two_frames=False).to(device)
    fast = optimize_for_inference(model, torch.bfloat16)
    for count in STREAMS:
        rate = _frames_per_second(fast, device, size, count)
        rows.append(Row(f"{count} streams, frames a second in all", rate))
    return rows


def _frames_per_second(
    model: TrackFormer, device: torch.device, size: tuple[int, int], num_streams: int
) -> float:
    images = Images.from_list([torch.randn(3, *size) for _ in range(num_streams)]).to(device)
    one = tracks_of(model, TRACKS)
    tracks = TrackQueries(
        one.embeddings.expand(num_streams, -1, -1).to(device),
        one.boxes.expand(num_streams, -1, -1).to(device),
        one.is_padding.expand(num_streams, -1).to(device),
    )
    with torch.inference_mode():
        for _ in range(3):
            model(images, tracks)
        _wait(device)
        start = time.perf_counter()
        for _ in range(FRAMES):
            model(images, tracks)
        _wait(device)
    return FRAMES * num_streams / (time.perf_counter() - start)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


if __name__ == "__main__":
    skipped = why_skipped()
    if skipped is not None:
        print(skipped)
    else:
        for row in measure():
            print(f"{row.what:50} {row.figure:8.1f}")
