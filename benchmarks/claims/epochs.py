"""Deformable DETR reaches DETR's AP in a fraction of the epochs, and gains most on small objects.

Zhu et al. 2021, table 1 and figure 3. Run: `python -m benchmarks.claims.epochs`. Both have the same
backbone from scratch, the same width, layers and queries, see the same images in the same order
and are judged by averaged weights at a constant learning rate, so that no schedule favours a step.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.claims.small_runs import RUNS, SIZES, cpu_minutes, trained
from benchmarks.claims.still_scenes import NAME, SIDE, write_still_scenes
from trackformer.training.watching.metrics_file import read_metrics

FOLDER: Final = RUNS / "epochs"
TRAINING_IMAGES, VALIDATION_IMAGES = 1000, 100
STEPS, BATCH_SIZE, VALIDATE_EVERY = 500, 4, 100
SEEDS: Final = (0, 1)
LEARNING_RATE: Final = 3e-4
SCORES: Final = ("AP", "AP50", "AP_S", "AP_M", "AP_L")
DETECTORS: Final[dict[str, dict[str, Any]]] = {
    "DETR": {"kind": "detr", **SIZES},
    "Deformable DETR": {"kind": "deformable_detr", "num_levels": 3, **SIZES},
}
LOSSES: Final[dict[str, dict[str, Any]]] = {
    "DETR": {"classification": "cross_entropy", "class_weight": 1.0},
    "Deformable DETR": {"classification": "focal", "class_weight": 2.0},
}
"""Each as published."""


def data() -> tuple[Path, Path]:
    """Annotations to train and to validate on."""
    return (
        write_still_scenes(FOLDER / "train", TRAINING_IMAGES, seed=1),
        write_still_scenes(FOLDER / "validation", VALIDATION_IMAGES, seed=2),
    )


def settings(name: str, seed: int, steps: int) -> dict[str, Any]:
    """A run of pure detection: clips of one frame, compared by COCO's AP."""
    training, validation = data()
    return {
        "class_names": [NAME],
        "model": {"detector": DETECTORS[name], "input": {"shorter_side": SIDE}},
        "sources": [{"path": training}],
        "batch_size": BATCH_SIZE,
        "clips": {"canvas": [SIDE, SIDE], "length": [1, 1], "zoom": [1, 1]},
        "loss": LOSSES[name],
        "matching": {"class_cost": LOSSES[name]["class_weight"]},
        "optimizer": {
            "steps": steps,
            "learning_rate": LEARNING_RATE,
            "backbone_scale": 1.0,
            "warmup_steps": 30,
            "schedule": "constant",
            "ema_decay": 0.98,
        },
        "validation": {"path": validation, "every": VALIDATE_EVERY},
        "seed": seed,
    }


def train_detector(name: str, seed: int) -> Path:
    """The weights after the last step; trained now unless they are there already."""
    return trained(run_folder(name, seed), settings(name, seed, STEPS))


def run_folder(name: str, seed: int) -> Path:
    """Where the weights and curves of one run are."""
    return FOLDER / f"{name.replace(' ', '_').lower()}_{seed}"


def curves(name: str) -> tuple[list[int], dict[str, np.ndarray]]:
    """Steps, and each score by seed and step, in percent."""
    runs = [read_metrics(run_folder(name, seed) / "validation.csv") for seed in SEEDS]
    steps = [int(row["step"]) for row in runs[0]]
    values = {
        score: np.array([[float(row[score]) for row in rows] for rows in runs]) for score in SCORES
    }
    return steps, values


def first_step_at(steps: Sequence[int], values: Sequence[float], wanted: float) -> int | None:
    """The first validated step whose score is at least `wanted`."""
    return next((step for step, value in zip(steps, values, strict=True) if value >= wanted), None)


def _report() -> None:
    num_epochs = STEPS * BATCH_SIZE / TRAINING_IMAGES
    print(f"{STEPS} steps are {num_epochs:.1f} epochs; {len(SEEDS)} seeds: mean (each)")
    final: dict[str, dict[str, np.ndarray]] = {}
    for name in DETECTORS:
        _, values = curves(name)
        final[name] = {score: rows[:, -1] for score, rows in values.items()}
        cells = [
            f"{score} {rows.mean():.1f} ({', '.join(f'{row:.1f}' for row in rows)})"
            for score, rows in final[name].items()
        ]
        print(f"{name}: {'; '.join(cells)}")
    steps, values = curves("Deformable DETR")
    for score in SCORES:
        wanted = float(final["DETR"][score].mean())
        gain = float(final["Deformable DETR"][score].mean()) - wanted
        reached = first_step_at(steps, values[score].mean(0).tolist(), wanted)
        print(f"{score}: gain {gain:+.1f}; DETR's last {wanted:.1f} reached at step {reached}")
    print(f"{cpu_minutes(FOLDER):.1f} CPU minutes of training")


def _plot(path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    shown = ("AP", "AP_S", "AP_M", "AP_L")
    figure, grid = pyplot.subplots(1, len(shown), figsize=(10, 2.8), layout="constrained")
    for axes, score in zip(grid, shown, strict=True):
        for name, colour in zip(DETECTORS, ("tab:orange", "tab:blue"), strict=True):
            steps, values = curves(name)
            for rows in values[score]:
                axes.plot(steps, rows, color=colour, lw=0.7, alpha=0.6)
            axes.plot(steps, values[score].mean(0), "o-", ms=3, color=colour, label=name)
        axes.set(xlabel="step", title=score)
        axes.grid(alpha=0.3)
    grid[0].legend(fontsize="small")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=90)


def main() -> None:
    """Train what is not trained yet, print a table and draw the curves."""
    for seed in SEEDS:
        for name in DETECTORS:
            train_detector(name, seed)
    _report()
    _plot(Path("docs/images/claims_epochs.png"))


if __name__ == "__main__":
    main()
