"""A training step with our deformable attention against the published form, time and memory.

Run: `python -m benchmarks.speed.training_step`. Deformable DETR with a ResNet-50, a clip of two
frames of 480 x 640 pixels with ten objects, the loss on both; the published code without its CUDA
extension samples by `grid_sample`. With and without gradient checkpointing by frame. Each in a
process of its own: processor time of one thread, and the peak of memory.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import torch

from benchmarks.suite.own_process import in_own_process, peak_megabytes, start_of_peak
from trackformer.models.build import build_model
from trackformer.models.ms_deform_attn.choice import (
    REFERENCE,
    choose_implementation,
    forced_implementation,
)
from trackformer.models.settings import DeformableDetrSettings, ModelSettings
from trackformer.training.clip_loss import clip_loss
from trackformer.training.losses.frame import ClipLossSettings
from trackformer.training.optimizer import build_optimizer
from trackformer.training.settings import (
    LossSettings,
    MatchingSettings,
    OptimizerSettings,
    TrackQuerySettings,
)
from trackformer.types import Clip, Images, Target

SIZE = (480, 640)
OBJECTS = 10
WAYS = ("stored", "checkpointed")


@dataclass(frozen=True, slots=True)
class Row:
    """One implementation of the attention and one way to keep what the backward pass needs."""

    implementation: str
    frames: str
    seconds: float
    """Forward, backward and update."""
    megabytes: float
    """Peak beyond the process with its model."""


def measure() -> list[Row]:
    """Four rows, the published form first; a few minutes."""
    chosen = choose_implementation(torch.device("cpu"), torch.float32, needs_gradient=True)
    names = (REFERENCE, chosen.implementation)
    return [
        Row(name, way, **in_own_process(__spec__.name, name, way)) for name in names for way in WAYS
    ]


@dataclass(frozen=True, slots=True)
class Step:
    """What one optimizer step needs."""

    seconds: float
    megabytes: float


def _measure_step(*, checkpoints: bool, size: tuple[int, int] = SIZE) -> Step:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = build_model(ModelSettings(detector=DeformableDetrSettings())).train()
    optimizer = build_optimizer(model, OptimizerSettings())
    tracks = TrackQuerySettings(loss_frames="all")
    settings = ClipLossSettings(tracks, MatchingSettings(), LossSettings(), checkpoints)

    def step(clip: Clip) -> float:
        start = time.process_time()
        generator = torch.Generator().manual_seed(0)
        loss = clip_loss(model, clip, settings, generator, lambda count: count).total
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return time.process_time() - start

    step(noisy_clip((64, 64)))  # the optimizer's own memory, and whatever is built at first use
    before = start_of_peak()
    seconds = step(noisy_clip(size))
    return Step(seconds, peak_megabytes() - before)


def noisy_clip(size: tuple[int, int]) -> Clip:
    """Two frames of noise with the same objects."""
    generator = torch.Generator().manual_seed(0)
    centres = 0.2 + 0.6 * torch.rand(OBJECTS, 2, generator=generator)
    target = Target(
        boxes=torch.cat([centres, torch.full((OBJECTS, 2), 0.1)], dim=1),
        labels=torch.zeros(OBJECTS, dtype=torch.long),
        track_ids=torch.arange(OBJECTS),
        visibility=torch.ones(OBJECTS),
        ignore_boxes=torch.zeros(0, 4),
    )
    frames = [Images.from_list([torch.randn(3, *size, generator=generator)]) for _ in range(2)]
    return Clip(tuple(frames), ((target,), (target,)))


def main(arguments: Sequence[str]) -> None:
    """One step as JSON, or the table."""
    if arguments:
        name, way = arguments
        with forced_implementation(name):
            print(json.dumps(asdict(_measure_step(checkpoints=way == "checkpointed"))))
        return
    for row in measure():
        print(
            f"{row.implementation:10} {row.frames:13} {row.seconds:6.1f} s {row.megabytes:6.0f} MB"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
