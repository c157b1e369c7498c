"""On a GPU: deformable attention in bfloat16, and tracked frames a second.

Run: `python -m benchmarks.speed.gpu`. TrackFormer with a ResNet-50 (the published size, one frame)
at 800 x 1333 with 50 live tracks in bfloat16, the whole frame: pixels to the device, network,
tracks on the processor; by the clock. `replayed`: the calls are CUDA graphs (`cuda_graphs` of
`optimize_for_inference`); `launched`: without.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from benchmarks.speed import deformable_attention
from benchmarks.tracked_frame import SIZE, TRACKS, published_architecture
from trackformer.input_settings import InputSettings
from trackformer.models.fast.optimize import optimize_for_inference
from trackformer.models.ms_deform_attn.choice import REFERENCE
from trackformer.models.trackformer import TrackFormer
from trackformer.tracking.lifecycle.tracks import Tracks
from trackformer.tracking.prepared_frame import prepare_frame
from trackformer.tracking.settings import TrackerSettings
from trackformer.tracking.steps import update_together
from trackformer.tracking.tracker import Tracker

UNDYING = TrackerSettings(
    birth_score=1.0, keep_score=0.0, reid_score=0.0, track_nms_iou=None, birth_nms_iou=None
)
"""Nobody is born and nobody is lost, whatever random weights say."""


@dataclass(frozen=True, slots=True)
class Row:
    """One measured figure."""

    what: str
    figure: float


@dataclass(frozen=True, slots=True)
class Workload:
    """What is run; less of it where a test only wants to see that it runs."""

    size: tuple[int, int] = SIZE
    streams: Sequence[int] = (1, 2, 4, 8)
    num_frames: int = 50
    warm_up: int = 5
    """Frames before the clock runs: kernels are compiled, graphs recorded."""
    attention_sizes: Sequence[deformable_attention.Size] = deformable_attention.SIZES
    attention_repeats: int = 3


def why_skipped() -> str | None:
    """What keeps this section from running here."""
    return None if torch.cuda.is_available() else "needs a GPU"


def measure(
    device: torch.device | None = None,
    work: Workload | None = None,
    model: TrackFormer | None = None,
) -> list[Row]:
    """Ratios to `grid_sample`, then frames a second by number of streams.

    Args:
        device: By default the current CUDA device.
        work: By default all that the module's docstring says.
        model: By default one of the published size.
    """
    device, work = device or torch.device("cuda"), work or Workload()
    model = model or published_architecture(two_frames=False)
    return [*_attention_rows(device, work), *_frame_rows(model.to(device), work)]


def _attention_rows(device: torch.device, work: Workload) -> Iterator[Row]:
    measured = deformable_attention.measure(
        work.attention_sizes, device=device, dtype=torch.bfloat16, repeats=work.attention_repeats
    )
    for row in measured:
        if row.implementation != REFERENCE:
            what = f"{row.size}, {row.implementation}"
            yield Row(f"{what}, forward, x", row.forward_ratio)
            yield Row(f"{what}, forward and backward, x", row.both_ratio)
            yield Row(f"{what}, forward and backward, ms", row.both_ms)


def _frame_rows(model: TrackFormer, work: Workload) -> Iterator[Row]:
    # Frames are as large as the network's input.
    sides = {"shorter_side": min(work.size), "longest_side": max(work.size)}
    model.settings = model.settings.model_copy(update={"input": InputSettings(**sides)})
    for form, graphs in (("replayed", True), ("launched", False)):
        fast = optimize_for_inference(model, torch.bfloat16, cuda_graphs=graphs)
        for count in work.streams:
            rate = _frames_per_second(fast, count, work)
            yield Row(f"{count} streams, {form}, frames a second in all", rate)


def _frames_per_second(model: TrackFormer, num_streams: int, work: Workload) -> float:
    trackers = [_busy_tracker(model) for _ in range(num_streams)]
    generator = np.random.default_rng(0)
    pictures = generator.integers(0, 256, (num_streams, *work.size, 3), dtype=np.uint8)

    def step() -> None:
        frames = [prepare_frame(model, picture) for picture in pictures]
        update_together(model, trackers, frames, slots_of=1)

    for _ in range(work.warm_up):
        step()
    start = time.perf_counter()
    for _ in range(work.num_frames):
        step()  # its end waits for the device
    seconds = time.perf_counter() - start
    assert [len(each.tracks.ids) for each in trackers] == [TRACKS] * num_streams
    return work.num_frames * num_streams / seconds


def _busy_tracker(model: TrackFormer) -> Tracker:
    """With live tracks of random objects."""
    tracker = Tracker(model, UNDYING)
    generator = torch.Generator().manual_seed(0)
    whole, ids = torch.zeros(TRACKS, dtype=torch.long), torch.arange(1, TRACKS + 1)
    tracker.tracks = Tracks(
        ids=ids,
        boxes=0.1 + 0.8 * torch.rand(TRACKS, 4, generator=generator),
        displacements=torch.zeros(TRACKS, 2),
        scores=torch.ones(TRACKS),
        labels=whole,
        embeddings=torch.randn(TRACKS, model.embedding_size, generator=generator),
        frames_missed=whole,
        unseen_for=torch.zeros(len(whole)),
        published_counts=torch.zeros(TRACKS, 2, dtype=torch.long),
        is_started=torch.zeros(TRACKS, dtype=torch.bool),
        next_id=TRACKS + 1,
        frame_index=0,
        num_reidentified=0,
    )
    return tracker


if __name__ == "__main__":
    skipped = why_skipped()
    if skipped is not None:
        print(skipped)
    else:
        for row in measure():
            print(f"{row.what:50} {row.figure:8.1f}")
