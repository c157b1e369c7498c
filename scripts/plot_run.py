"""Plot a run: `python scripts/plot_run.py runs/nano curve.png` - loss, diagnostics, scores."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

mpl.use("Agg")
from matplotlib import pyplot as plt

SMOOTHED_OVER = 50
"""Steps; single steps see four clips and say little."""
SMOOTHED_LOOKS = 5
"""Looks at the queries, each of one step."""
LOOKS = (
    "AP50",
    "AP50_without_track_queries",
    "newborn_recall",
    "track_survival",
    "ghost_tracks",
    "duplicates",
)
SCORES = ("HOTA", "DetA", "AssA", "MOTA", "IDF1")


def plot_run(run: Path, picture: Path) -> None:
    """One panel for each of loss, diagnostics and validation scores that the run has."""
    loss = _column(run / "metrics.csv", "loss") or _losses_of_tensorboard(run)
    looks = {name: _column(run / "metrics.csv", name) for name in LOOKS}
    scores = {name: _column(run / "validation.csv", name) for name in SCORES}
    panels = [
        ({"loss": loss}, SMOOTHED_OVER, f"loss (mean of up to {SMOOTHED_OVER} steps)"),
        (looks, SMOOTHED_LOOKS, f"share (mean of up to {SMOOTHED_LOOKS} looks)"),
        (scores, 1, "validation, combined"),
    ]
    shown = [panel for panel in panels if any(panel[0].values())]
    figure, grid = plt.subplots(
        1, len(shown), figsize=(5 * len(shown), 3.6), layout="constrained", squeeze=False
    )
    for axes, (curves, width, label) in zip(grid[0], shown, strict=True):
        for name, points in curves.items():
            if points:
                steps, values = _smoothed(points, width)
                axes.plot(steps, values, marker="o" if len(steps) < 50 else None, ms=3, label=name)
        axes.set(xlabel="optimizer step", ylabel=label)
        axes.grid(alpha=0.3)
        if len(curves) > 1:
            axes.legend(fontsize="x-small")
    figure.savefig(picture, dpi=120)


def _column(path: Path, name: str) -> list[tuple[int, float]]:
    """(step, value) of every row that has a value."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [(int(row["step"]), float(row[name])) for row in rows if row.get(name)]


def _losses_of_tensorboard(run: Path) -> list[tuple[int, float]]:
    """Of runs from before there was metrics.csv."""
    events = EventAccumulator(str(run), size_guidance={"scalars": 0})
    events.Reload()
    return [(point.step, point.value) for point in events.Scalars("train/loss")]


def _smoothed(points: list[tuple[int, float]], width: int) -> tuple[np.ndarray, np.ndarray]:
    steps, values = np.array(points).T
    width = max(1, min(width, len(values) // 4))
    return steps[width - 1 :], np.convolve(values, np.ones(width) / width, mode="valid")


if __name__ == "__main__":
    plot_run(Path(sys.argv[1]), Path(sys.argv[2]))
