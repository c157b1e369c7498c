"""Our models against transformers' own with the same weights: time, and how far the boxes differ.

Run: `python -m benchmarks.model`. Random weights, ResNet-50; processor time, one thread,
best of a few, both sides in turn. Peak memory is not a ratio one process can tell: not measured.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from trackformer.checkpoints.load import load_model
from trackformer.models.fast.optimize import optimize_for_inference
from trackformer.models.torchvision_import import ensure_torchvision
from trackformer.types import Images

REPETITIONS = 3
RESNET_STAGES = {"detr": ["stage4"], "deformable_detr": ["stage2", "stage3", "stage4"]}
KINDS = (*RESNET_STAGES, "rt_detr")


@dataclass(frozen=True, slots=True)
class Row:
    """One architecture at one size."""

    kind: str
    size: tuple[int, int]
    theirs_seconds: float
    ours_seconds: float
    optimised_seconds: float
    box_difference: float
    """Largest, of relative boxes, between theirs and the optimised model's."""


def measure(size: tuple[int, int] = (320, 480)) -> list[Row]:
    """One row per architecture; a few minutes."""
    torch.set_num_threads(1)
    with torch.inference_mode():
        return [_compare(kind, size) for kind in KINDS]


def _compare(kind: str, size: tuple[int, int]) -> Row:
    theirs = _published(kind)
    with tempfile.TemporaryDirectory() as folder:
        theirs.save_pretrained(folder)
        ours = load_model(Path(folder))
    fast = optimize_for_inference(ours)
    pixels = torch.randn((1, 3, *size), generator=torch.Generator().manual_seed(0))
    images = Images.from_list([pixels[0]])

    def published() -> Tensor:
        boxes: Tensor = theirs(pixels).pred_boxes
        return boxes

    boxes = fast(images).boxes[-1]
    theirs_s, ours_s, fast_s = _best(published, lambda: ours(images), lambda: fast(images))
    return Row(kind, size, theirs_s, ours_s, fast_s, float((published() - boxes).abs().max()))


def _published(kind: str) -> Any:
    ensure_torchvision()
    from transformers import AutoConfig, AutoModelForObjectDetection

    torch.manual_seed(0)
    if kind == "rt_detr":
        config = AutoConfig.for_model(kind, anchor_image_size=None, num_labels=80)
    else:
        backbone = AutoConfig.for_model("resnet", out_features=RESNET_STAGES[kind])
        config = AutoConfig.for_model(kind, backbone_config=backbone)
    return AutoModelForObjectDetection.from_config(config).eval()


def _best(*works: Callable[[], object]) -> list[float]:
    """The shortest time of each, in turn, so that a busy machine is busy for all."""
    best = [float("inf")] * len(works)
    for _ in range(REPETITIONS):
        for index, work in enumerate(works):
            start = time.thread_time()
            work()
            best[index] = min(best[index], time.thread_time() - start)
    return best


if __name__ == "__main__":
    for row in measure():
        print(
            f"{row.kind:16} {row.size[0]}x{row.size[1]}  theirs {row.theirs_seconds:6.2f} s  "
            f"ours {row.theirs_seconds / row.ours_seconds:4.1f}x  "
            f"optimised {row.theirs_seconds / row.optimised_seconds:4.1f}x  "
            f"boxes differ by {row.box_difference:.0e}"
        )
