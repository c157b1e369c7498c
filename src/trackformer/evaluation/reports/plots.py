"""Pictures of a report: HOTA over its thresholds, scores by sequence, switches over time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from trackformer.atomic_files import whole_file
from trackformer.errors import ConfigError
from trackformer.evaluation.failures.switches import CAUSES
from trackformer.evaluation.metrics.hota import THRESHOLDS
from trackformer.evaluation.metrics.tracking import COMBINED
from trackformer.evaluation.reports.tracking import TrackingReport

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BARS: Final = {"HOTA": "hota", "DetA": "det_a", "AssA": "ass_a", "MOTA": "mota", "IDF1": "idf1"}
COLOURS: Final = ("#777777", "#d62728", "#1f77b4", "#ff7f0e", "#9467bd")
"""Of the causes, in their order."""


def write_plots(report: TrackingReport, folder: Path) -> tuple[Path, ...]:
    """Write `hota.png`, `sequences.png` and `switches.png`; returns their paths.

    Raises:
        ConfigError: matplotlib, the extra `plots`, is not installed.
        DataError: The folder cannot be written to.
    """
    try:
        import matplotlib  # noqa: F401 - only to see whether it is there
    except ImportError as error:
        raise ConfigError("--plots: needs matplotlib: pip install matplotlib") from error
    figures = {
        "hota.png": _hota_curves(report),
        "sequences.png": _bars(report),
        "switches.png": _switches(report),
    }
    return _saved(figures, folder)


def _saved(figures: Mapping[str, Figure], folder: Path) -> tuple[Path, ...]:
    paths = []
    for name, figure in figures.items():
        with whole_file(folder / name) as partial:
            figure.savefig(partial, dpi=120, format="png")
        paths.append(folder / name)
    return tuple(paths)


def _hota_curves(report: TrackingReport) -> Figure:
    """HOTA, DetA and AssA over the IoU threshold; a thin line per sequence, a thick one for all."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3.6), layout="constrained")
    parts = ("hota", "det_a", "ass_a")
    for axes, part, name in zip(
        figure.subplots(1, 3, sharey=True), parts, ("HOTA", "DetA", "AssA"), strict=True
    ):
        for row, curves in report.curves.items():
            style = {"color": "black", "linewidth": 2.5} if row == COMBINED else {"linewidth": 1}
            mean = 100 * float(getattr(curves, part).mean())
            values = 100 * getattr(curves, part)[0]
            axes.plot(THRESHOLDS, values, label=f"{row} {mean:.1f}", **style)
        axes.set(xlabel="IoU threshold", title=name, ylim=(0, 100))
        axes.grid(alpha=0.3)
        axes.legend(fontsize=7)
    figure.suptitle(report.split, fontsize=9)
    return figure


def _bars(report: TrackingReport) -> Figure:
    """The main scores of every sequence, side by side, and the intervals of the combined ones."""
    from matplotlib.figure import Figure

    rows = (*report.table.sequences, report.table.combined)
    figure = Figure(figsize=(max(6, 1.2 * len(rows)), 3.6), layout="constrained")
    axes = figure.subplots()
    width = 0.8 / len(BARS)
    for place, (name, field) in enumerate(BARS.items()):
        x = np.arange(len(rows)) + (place - (len(BARS) - 1) / 2) * width
        axes.bar(x, [getattr(row, field) for row in rows], width, label=name)
        if field in report.intervals:
            interval, value = report.intervals[field], getattr(report.table.combined, field)
            reach = np.maximum([[value - interval.low], [interval.high - value]], 0)
            axes.errorbar(x[-1:], [value], yerr=reach, color="black", capsize=2, linewidth=1)
    axes.set_xticks(np.arange(len(rows)), [row.name for row in rows])
    axes.set(ylabel="percent", title=report.split)
    axes.grid(axis="y", alpha=0.3)
    figure.legend(loc="outside right center")
    return figure


def _switches(report: TrackingReport) -> Figure:
    """Every identity switch at its frame, a row per sequence, coloured by cause."""
    from matplotlib.figure import Figure

    names = list(report.lengths)
    figure = Figure(figsize=(10, 1.5 + 0.5 * len(names)), layout="constrained")
    axes = figure.subplots()
    axes.barh(range(len(names)), list(report.lengths.values()), 0.6, color="#eeeeee")
    for place, cause in enumerate(CAUSES):
        of_cause = [switch for switch in report.switches if switch.cause == cause]
        # Each cause a little higher than the one before, so that they do not hide each other.
        offset = 0.4 * (place / (len(CAUSES) - 1) - 0.5)
        axes.scatter(
            [switch.frame for switch in of_cause],
            [names.index(switch.sequence) + offset for switch in of_cause],
            color=COLOURS[place],
            s=14,
            label=f"{cause} {len(of_cause)}",
        )
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel="frame", title=f"{report.split}: identity switches by cause")
    figure.legend(loc="outside right center")
    return figure
