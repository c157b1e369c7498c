"""What it costs and gains to keep freed memory, as the command line does (glibc).

Run: `python -m benchmarks.speed.freed_memory`. A tracked frame of the bundled clip, a training step
of `nano` and a pass of Deformable DETR with a ResNet-50 at 800 x 1333, each with the allocator as a
process finds it and with `keep_freed_memory`; each in a process of its own, processor time of one
thread, of which the system's own is given too.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import torch

from benchmarks.speed.training_step import noisy_clip
from benchmarks.suite.own_process import in_own_process, peak_megabytes
from trackformer import ModelSettings, Tracker, build_model, load_model, optimize_for_inference
from trackformer.demo_clip import clip_file
from trackformer.freed_memory import keep_freed_memory
from trackformer.models.settings import DeformableDetrSettings
from trackformer.training.clip_loss import clip_loss
from trackformer.training.losses.frame import ClipLossSettings
from trackformer.training.optimizer import build_optimizer
from trackformer.training.settings import (
    LossSettings,
    MatchingSettings,
    OptimizerSettings,
    TrackQuerySettings,
)
from trackformer.types import Clip, Images
from trackformer.video.sources import open_source

WAYS = ("returned", "kept")


@dataclass(frozen=True, slots=True)
class Row:
    """One piece of work in one way."""

    work: str
    freed_memory: str
    milliseconds: float
    """Of the processor, the mean."""
    system_milliseconds: float
    """The part of it that the system needs to fetch and clear pages, mostly."""
    megabytes: float
    """The most that the whole process held from the first repetition on."""


def measure() -> list[Row]:
    """Two rows for each work; a few minutes."""
    return [Row(**in_own_process(__spec__.name, work, way)) for work in WORK for way in WAYS]


def _tracked_frame() -> Callable[[], object]:
    tracker = Tracker(optimize_for_inference(load_model("nano")))
    with clip_file() as path, open_source(path) as source:
        frames = iter([frame.pixels for frame, _ in zip(source, range(50), strict=False)])
    return lambda: tracker.update(next(frames))


def _training_step() -> Callable[[], object]:
    model = load_model("nano").train()
    optimizer = build_optimizer(model, OptimizerSettings())
    settings = ClipLossSettings(
        TrackQuerySettings(loss_frames="all"),
        MatchingSettings(),
        LossSettings(classification="mal"),
        checkpoint_frames=False,
    )
    clip = _four_of(noisy_clip((544, 960)))

    def step() -> None:
        generator = torch.Generator().manual_seed(0)
        optimizer.zero_grad()
        clip_loss(model, clip, settings, generator, lambda count: count).total.backward()
        optimizer.step()

    return step


def _four_of(clip: Clip) -> Clip:
    images = (
        Images(
            each.pixels.repeat(4, 1, 1, 1),
            each.is_padding.repeat(4, 1, 1),
            each.image_sizes.repeat(4, 1),
        )
        for each in clip.images
    )
    return Clip(tuple(images), tuple(targets * 4 for targets in clip.targets))


def _large_pass() -> Callable[[], object]:
    model = build_model(ModelSettings(detector=DeformableDetrSettings())).eval()
    fast = optimize_for_inference(model)
    images = Images.from_list([torch.randn(3, 800, 1333)])

    def answer() -> None:
        with torch.inference_mode():
            fast(images)

    return answer


WORK = {
    "nano, tracked frame": (_tracked_frame, 40),
    "nano, training step of 4 clips of 2 frames, 544x960": (_training_step, 3),
    "deformable_detr, 800x1333": (_large_pass, 3),
}
"""What begins each, and how often it is done."""


def _measure_way(work: str, way: str) -> Row:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    if way == "kept":
        keep_freed_memory()
    begin, repetitions = WORK[work]
    do = begin()
    do()
    do()
    start = resource.getrusage(resource.RUSAGE_SELF)
    for _ in range(repetitions):
        do()
    end = resource.getrusage(resource.RUSAGE_SELF)
    user, system = (
        1000 * (getattr(end, name) - getattr(start, name)) / repetitions
        for name in ("ru_utime", "ru_stime")
    )
    return Row(work, way, user + system, system, peak_megabytes())


def main(arguments: Sequence[str]) -> None:
    """One row as JSON, or the table."""
    if arguments:
        work, way = arguments
        print(json.dumps(asdict(_measure_way(work, way))))
        return
    for row in measure():
        print(
            f"{row.work:52} {row.freed_memory:9} {row.milliseconds:7.0f} ms, system "
            f"{row.system_milliseconds:5.0f} ms {row.megabytes:6.0f} MB"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
