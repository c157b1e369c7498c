"""A frame of the published TrackFormer's size: our fastest form against the published one.

Run: `python -m benchmarks.tracked_frame`. The architecture of the MOT17 checkpoint (ResNet-50, 288
channels, 500 object queries, two frames encoded apart) at 800 x 1333 with 50 tracks, random
weights. The published code itself is not here: its form of it is this package's plain model with
`grid_sample` attention. Each in a process of its own, processor time of one thread. At last, what
the frame's products alone would take in float32 at the speed of one large product.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.suite.own_process import in_own_process, peak_megabytes, start_of_peak
from trackformer.freed_memory import keep_freed_memory
from trackformer.models.build import build_model
from trackformer.models.fast.linear import PackedLinear
from trackformer.models.fast.optimize import optimize_for_inference
from trackformer.models.ms_deform_attn.choice import REFERENCE, forced_implementation
from trackformer.models.settings import DeformableDetrSettings, ModelSettings
from trackformer.models.trackformer import TrackFormer
from trackformer.types import Images, TrackQueries

SIZE = (800, 1333)
TRACKS = 50
LARGE = 4096
"""Rows and columns of a product that a core does at its best speed."""
FORMS = ("published", "optimised", "bfloat16")
"""See above; `optimize_for_inference` in float32 and in bfloat16."""


@dataclass(frozen=True, slots=True)
class Row:
    """One form of the same model."""

    form: str
    seconds: float
    megabytes: float
    """Peak beyond the process with its model."""
    kept_seconds: float
    """With freed memory kept (`trackformer.freed_memory`), as the command line does."""


def measure() -> list[Row]:
    """One row per form; several minutes."""
    return [Row(**in_own_process(__spec__.name, form)) for form in FORMS]


def published_architecture(*, two_frames: bool = True) -> TrackFormer:
    """The model of TrackFormer's MOT17 checkpoint, with random weights."""
    torch.manual_seed(0)
    detector = DeformableDetrSettings(
        embedding_size=288,
        num_queries=500,
        box_refinement=True,
        multi_frame="separate_encoder" if two_frames else "none",
    )
    return build_model(ModelSettings(detector=detector)).eval()


def tracks_of(model: TrackFormer, num_tracks: int) -> TrackQueries:
    """Track queries of random objects."""
    generator = torch.Generator().manual_seed(0)
    return TrackQueries(
        torch.randn(1, num_tracks, model.embedding_size, generator=generator),
        0.1 + 0.8 * torch.rand(1, num_tracks, 4, generator=generator),
        torch.zeros(1, num_tracks, dtype=torch.bool),
    )


def products_of_frame() -> float:
    """GFLOP of a frame's convolutions and linear layers."""
    model = published_architecture().requires_grad_(requires_grad=False)
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        model(Images.from_list([torch.zeros(3, *SIZE)]), tracks_of(model, TRACKS))
    return counter.get_total_flops() / 1e9


def speed_of_products() -> float:
    """GFLOP a second of one large product in float32, the best of several."""
    torch.set_num_threads(1)
    layer, rows = PackedLinear(nn.Linear(LARGE, LARGE)), torch.randn(LARGE, LARGE)
    times = []
    with torch.inference_mode():
        for _ in range(5):
            start = time.process_time()
            layer(rows)
            times.append(time.process_time() - start)
    return 2 * LARGE**3 / 1e9 / min(times)


def _measure_form(form: str, size: tuple[int, int] = SIZE) -> Row:
    torch.set_num_threads(1)
    model = published_architecture()
    if form == "optimised":
        model = optimize_for_inference(model)
    elif form == "bfloat16":
        model = optimize_for_inference(model, torch.bfloat16)
    return Row(form, *_cost(model, size))


def _cost(model: TrackFormer, size: tuple[int, int]) -> tuple[float, float, float]:
    """Seconds, megabytes and seconds again of a frame that stands in for the one before, too."""
    generator = torch.Generator().manual_seed(0)
    tracks = tracks_of(model, TRACKS)
    with torch.inference_mode():
        model(Images.from_list([torch.randn(3, 64, 64, generator=generator)]), tracks)
        images = Images.from_list([torch.randn(3, *size, generator=generator)])
        before = start_of_peak()
        seconds = _seconds(model, images, tracks)
        megabytes = peak_megabytes() - before
        keep_freed_memory()
        model(images, tracks)  # from here on there is memory to keep
        return seconds, megabytes, _seconds(model, images, tracks)


def _seconds(model: TrackFormer, images: Images, tracks: TrackQueries) -> float:
    start = time.process_time()
    model(images, tracks)
    return time.process_time() - start


def main(arguments: Sequence[str]) -> None:
    """One form as JSON, or the table."""
    if arguments:
        (form,) = arguments
        published = forced_implementation(REFERENCE)
        with published if form == "published" else nullcontext():
            print(json.dumps(asdict(_measure_form(form))))
        return
    for row in measure():
        print(
            f"{row.form:10} {row.seconds:6.2f} s {row.megabytes:6.0f} MB, "
            f"freed memory kept {row.kept_seconds:6.2f} s"
        )
    work, speed = products_of_frame(), speed_of_products()
    print(f"products: {work:.0f} GFLOP, at {speed:.0f} GFLOP/s {work / speed:.1f} s")


if __name__ == "__main__":
    main(sys.argv[1:])
