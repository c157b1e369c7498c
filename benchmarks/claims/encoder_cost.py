"""Encoder time and memory against pixels: with their square in DETR, with them if deformable.

Zhu et al. 2021, section 4.1: self-attention costs O(S^2 C), deformable self-attention O(S C^2).
Run: `python -m benchmarks.claims.encoder_cost`. Both encoders get the same tokens: one level of
stride 8, the same width and number of layers, so that only attention differs.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from trackformer.models.deformable_transformer import DeformableEncoder, LevelTokens
from trackformer.models.settings import DeformableDetrSettings, DetrSettings
from trackformer.models.transformer import TransformerEncoder

Kind = Literal["detr", "detr_stored", "deformable"]
"""detr_stored: the S x S attention matrix is kept in memory, as the published code does; our DETR
goes through torch's fused attention, which needs as much time but not the memory."""
KINDS: tuple[Kind, ...] = ("detr", "detr_stored", "deformable")
LARGEST_STORED = 768
"""Beyond, the matrix takes many gigabytes."""
STRIDE = 8
SIDES = (256, 384, 512, 768, 1024, 1280)
"""Of square images, in pixels."""
WIDTH, HEADS, LAYERS, FEEDFORWARD = 64, 4, 1, 128
"""Narrow, so that what is linear in the tokens does not hide attention."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one encoder on one image, without gradients."""

    kind: Kind
    side: int
    tokens: int
    cpu_seconds: float
    """Least of three runs."""
    megabytes: float
    """Peak of the process beyond what it needs before."""


def measure() -> list[Cost]:
    """Every encoder on every size, each in a process of its own so that peaks do not mix."""
    costs = []
    for side in SIDES:
        for kind in KINDS:
            if kind == "detr_stored" and side > LARGEST_STORED:
                continue
            command = [sys.executable, "-m", __spec__.name, kind, str(side)]
            answer = subprocess.run(command, check=True, capture_output=True, text=True)
            costs.append(Cost(**json.loads(answer.stdout)))
            print(costs[-1], flush=True)
    return costs


def slope(costs: Sequence[Cost], kind: Kind, value: Callable[[Cost], float]) -> float:
    """Exponent of pixels, from its four largest sizes: small ones are all overhead."""
    rows = [cost for cost in costs if cost.kind == kind][-4:]
    pixels = np.log([row.side**2 for row in rows])
    return float(np.polyfit(pixels, np.log([value(row) for row in rows]), 1)[0])


def _cost(kind: Kind, side: int) -> Cost:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    run = _encoder(kind, side // STRIDE)
    fused = SDPBackend.MATH if kind == "detr_stored" else SDPBackend.FLASH_ATTENTION
    with torch.inference_mode(), sdpa_kernel(fused):
        _encoder(kind, 4)()
        before = _peak_megabytes()
        seconds = []
        for _ in range(3):
            start = time.process_time()
            run()
            seconds.append(time.process_time() - start)
    return Cost(kind, side, (side // STRIDE) ** 2, min(seconds), _peak_megabytes() - before)


def _encoder(kind: Kind, cells: int) -> Callable[[], object]:
    """One pass of an encoder over `cells` x `cells` tokens."""
    tokens = torch.randn(1, cells * cells, WIDTH)
    position = torch.randn(1, cells * cells, WIDTH)
    is_padding = torch.zeros(1, cells * cells, dtype=torch.bool)
    sizes = {
        "embedding_size": WIDTH,
        "num_heads": HEADS,
        "num_encoder_layers": LAYERS,
        "feedforward_size": FEEDFORWARD,
        "dropout": 0.0,
    }
    if kind != "deformable":
        detr = TransformerEncoder(DetrSettings(**sizes)).eval()
        return lambda: detr(tokens, position, is_padding)
    deformable = DeformableEncoder(DeformableDetrSettings(**sizes, num_levels=1)).eval()
    levels = LevelTokens(tokens, position, is_padding, ((cells, cells),), torch.ones(1, 1, 2))
    return lambda: deformable(levels)


def _peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _plot(costs: Sequence[Cost], path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(8, 3.4))
    shown: tuple[tuple[str, Callable[[Cost], float]], ...] = (
        ("CPU seconds", lambda cost: cost.cpu_seconds),
        ("peak MB", lambda cost: max(cost.megabytes, 0.1)),
    )
    for axis, (name, value) in zip(axes, shown, strict=True):
        for kind in KINDS:
            rows = [cost for cost in costs if cost.kind == kind]
            label = f"{kind}: slope {slope(costs, kind, value):.2f}"
            axis.loglog([row.side**2 for row in rows], list(map(value, rows)), "o-", label=label)
        axis.set_xlabel("pixels")
        axis.set_ylabel(name)
        axis.legend()
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100)


def main() -> None:
    """Measure, print a table and draw it."""
    if len(sys.argv) == 3:
        kind = next(kind for kind in KINDS if kind == sys.argv[1])
        print(json.dumps(asdict(_cost(kind, int(sys.argv[2])))))
        return
    costs = measure()
    for kind in KINDS:
        by_time = slope(costs, kind, lambda cost: cost.cpu_seconds)
        by_memory = slope(costs, kind, lambda cost: max(cost.megabytes, 0.1))
        print(f"{kind}: time ~ pixels^{by_time:.2f}, memory ~ pixels^{by_memory:.2f}")
    _plot(costs, Path("docs/images/claims_encoder_cost.png"))


if __name__ == "__main__":
    main()
