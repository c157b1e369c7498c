"""Our models against transformers' own with the same weights: time, memory, and how boxes differ.

Run: `python -m benchmarks.speed.model [HEIGHT WIDTH [KIND ...]]`. ResNet-50, random weights written
by transformers' own class. Each model answers in a process of its own, so that peaks of memory do
not mix; processor time, one thread, the least of a few passes. First with the allocator as a
process finds it, as users of either library have it; then, both sides again, with freed memory
kept, as this package's command line does and transformers' users may.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from benchmarks.suite.own_process import in_own_process, peak_megabytes, start_of_peak
from trackformer.checkpoints.load import load_model
from trackformer.freed_memory import keep_freed_memory
from trackformer.models.fast.optimize import optimize_for_inference
from trackformer.models.torchvision_import import ensure_torchvision
from trackformer.types import Images

REPETITIONS = 3
ENOUGH_SECONDS = 4.0
"""After that much a pass is not repeated."""
SMALL = (256, 256)
"""Size of the picture that warms up."""
RESNET_STAGES = {"detr": ["stage4"], "deformable_detr": ["stage2", "stage3", "stage4"]}
KINDS = (*RESNET_STAGES, "rt_detr")
Side = Literal["theirs", "ours", "optimised", "bfloat16"]
"""transformers' class, `load_model`, and `optimize_for_inference` in float32 and bfloat16."""
SIDES: tuple[Side, ...] = ("theirs", "ours", "optimised", "bfloat16")


@dataclass(frozen=True, slots=True)
class Pass:
    """What one forward pass needs."""

    seconds: float
    """Of the processor."""
    megabytes: float
    """Peak beyond what the process with the loaded model holds before."""
    kept_seconds: float
    kept_megabytes: float
    """The same where freed memory is kept (`trackformer.freed_memory`)."""


@dataclass(frozen=True, slots=True)
class Row:
    """One architecture at one size."""

    kind: str
    size: tuple[int, int]
    theirs: Pass
    ours: Pass
    optimised: Pass
    bfloat16: Pass
    box_difference: float
    """Largest, of relative boxes, between theirs and the optimised model's."""
    bfloat16_box_difference: float


def measure(size: tuple[int, int] = (320, 480), kinds: Sequence[str] = KINDS) -> list[Row]:
    """One row per architecture; a few minutes."""
    return [_compare(kind, size) for kind in kinds]


def _compare(kind: str, size: tuple[int, int]) -> Row:
    if kind == "rt_detr":  # transformers' takes multiples of its coarsest stride only
        size = (size[0] // 32 * 32, size[1] // 32 * 32)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _published(kind).save_pretrained(folder)
        passes = {
            side: Pass(**in_own_process(__spec__.name, side, *map(str, size), name))
            for side in SIDES
        }
        boxes = {side: torch.load(folder / f"{side}.pt", weights_only=True) for side in SIDES}
    return Row(
        kind,
        size,
        **passes,
        box_difference=_largest_difference(boxes["theirs"], boxes["optimised"]),
        bfloat16_box_difference=_largest_difference(boxes["theirs"], boxes["bfloat16"]),
    )


def _published(kind: str) -> Any:
    """Random weights, those that training starts at zero too: else all boxes would be alike."""
    ensure_torchvision()
    from transformers import AutoConfig, AutoModelForObjectDetection

    torch.manual_seed(0)
    if kind == "rt_detr":
        config = AutoConfig.for_model(kind, anchor_image_size=None, num_labels=80)
    else:
        backbone = AutoConfig.for_model("resnet", out_features=RESNET_STAGES[kind])
        config = AutoConfig.for_model(kind, backbone_config=backbone)
    model = AutoModelForObjectDetection.from_config(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 2 and not parameter.any():
                torch.nn.init.normal_(parameter, std=0.1)
    return model


def _measure_side(side: Side, size: tuple[int, int], folder: Path) -> Pass:
    """Time and memory; the boxes of one picture go to the folder."""
    torch.set_num_threads(1)
    answer = _answers(side, folder)
    generator = torch.Generator().manual_seed(0)
    with torch.inference_mode():
        answer(torch.randn((1, 3, *SMALL), generator=generator))
        pixels = torch.randn((1, 3, *size), generator=generator)
        returned = _cost(lambda: answer(pixels))
        keep_freed_memory()
        boxes = answer(pixels)  # from here on there is memory to keep
        kept = _cost(lambda: answer(pixels))
    torch.save(boxes.clone(), folder / f"{side}.pt")
    return Pass(*returned, *kept)


def _cost(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds of the best pass, and the peak of memory in megabytes."""
    before = start_of_peak()
    times: list[float] = []
    while len(times) < REPETITIONS and sum(times) < ENOUGH_SECONDS:
        start = time.thread_time()
        work()
        times.append(time.thread_time() - start)
    return min(times), peak_megabytes() - before


def _answers(side: Side, folder: Path) -> Callable[[Tensor], Tensor]:
    """Relative boxes (1 x Q x 4) of a picture (1 x 3 x H x W)."""
    if side == "theirs":
        ensure_torchvision()
        from transformers import AutoModelForObjectDetection

        theirs = AutoModelForObjectDetection.from_pretrained(folder).eval()
        return lambda pixels: theirs(pixels).pred_boxes
    model = load_model(folder)
    if side != "ours":
        model = optimize_for_inference(model, torch.bfloat16 if side == "bfloat16" else None)
    return lambda pixels: model(Images.from_list([pixels[0]])).boxes[-1]


def _largest_difference(one: Tensor, other: Tensor) -> float:
    """Between boxes that belong together: equal scores may be selected in another order."""
    distance = torch.cdist(one[0].double(), other[0].double(), p=torch.inf)
    rows, columns = linear_sum_assignment(distance.numpy())
    return float(distance[rows, columns].max())


def _line(row: Row) -> str:
    parts = [f"{row.kind:16} {row.size[0]}x{row.size[1]:<5}"]
    parts.append(f"theirs {row.theirs.seconds:6.2f} s {row.theirs.megabytes:5.0f} MB")
    for side in SIDES[1:]:
        each: Pass = getattr(row, side)
        faster = row.theirs.seconds / each.seconds
        smaller = each.megabytes / row.theirs.megabytes
        kept = row.theirs.kept_seconds / each.kept_seconds
        parts.append(f"{side} {faster:.1f}x (kept {kept:.1f}x) {100 * smaller:.0f} % of the memory")
    parts.append(
        f"boxes differ by {row.box_difference:.0e}, {row.bfloat16_box_difference:.0e} in bfloat16"
    )
    return "  ".join(parts)


def main(arguments: Sequence[str]) -> None:
    """One model of one row, or the table."""
    if arguments and arguments[0] in SIDES:
        side = next(side for side in SIDES if side == arguments[0])
        height, width, folder = arguments[1:]
        print(json.dumps(asdict(_measure_side(side, (int(height), int(width)), Path(folder)))))
        return
    size = (int(arguments[0]), int(arguments[1])) if arguments else (320, 480)
    for kind in arguments[2:] or KINDS:
        for row in measure(size, [kind]):
            print(_line(row), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
