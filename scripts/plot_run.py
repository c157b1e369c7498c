"""Plot a run: `python scripts/plot_run.py runs/nano curve.png` - loss and validation scores."""

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


def plot_run(run: Path, picture: Path) -> None:
    """Loss against step on the left, validation scores on the right."""
    events = EventAccumulator(str(run), size_guidance={"scalars": 0})
    events.Reload()
    points = events.Scalars("train/loss")
    steps = np.array([point.step for point in points])
    loss = np.array([point.value for point in points])
    kernel = np.ones(min(SMOOTHED_OVER, len(loss))) / min(SMOOTHED_OVER, len(loss))
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
    left.plot(steps[len(kernel) - 1 :], np.convolve(loss, kernel, mode="valid"))
    left.set(xlabel="optimizer step", ylabel=f"loss (mean of {len(kernel)} steps)")
    with (run / "validation.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for name in ("HOTA", "DetA", "AssA", "MOTA", "IDF1"):
        right.plot(
            [int(row["step"]) for row in rows],
            [float(row[name]) for row in rows],
            marker="o",
            markersize=3,
            label=name,
        )
    right.set(xlabel="optimizer step", ylabel="validation, combined")
    figure.legend(loc="outside right center")
    for axes in (left, right):
        axes.grid(alpha=0.3)
    figure.savefig(picture, dpi=120)


if __name__ == "__main__":
    plot_run(Path(sys.argv[1]), Path(sys.argv[2]))
