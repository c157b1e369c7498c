"""What was measured, for people: tables in Markdown, and plots."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.suite.goals import Measured, goal_rows
from benchmarks.suite.sections import SECTIONS

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def tables(results: Mapping[str, Any]) -> str:
    """The goals, then every section, in Markdown."""
    measured: Measured = results["sections"]
    machine = results["machine"]
    parts = [
        f"{machine['date']}, {machine['processor']}, {machine['cores']} cores, torch "
        f"{machine['torch']}, {machine['gpu']}.",
        "## Goals",
        _table(("what", "at least", "reached", "section"), goal_rows(measured)),
    ]
    for name, section in SECTIONS.items():
        if name in measured:
            parts += [f"## {section.title}", f"`{section.command}`", _section(measured[name])]
    return "\n\n".join(parts)


def write_into_page(page: Path, text: str) -> None:
    """Replace what stands between the marks of a page."""
    before, rest = page.read_text(encoding="utf-8").split(BEGIN)
    _, after = rest.split(END)
    page.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")


def _section(section: Mapping[str, Any]) -> str:
    if "skipped" in section:
        return f"Not measured: {section['skipped']}."
    rows = section["rows"]
    columns = [name for name in rows[0] if any(row[name] is not None for row in rows)]
    heads = [name.replace("_", " ") for name in columns]
    return _table(heads, ([_shown(row[name]) for name in columns] for row in rows))


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return (
            f"{value:.0f}" if abs(value) >= 100 else f"{value:.2g}" if value < 1 else f"{value:.1f}"
        )
    if isinstance(value, list):
        return " x ".join(map(str, value))
    return str(value)


def write_plots(measured: Measured, folder: Path) -> list[Path]:
    """One picture for each section that has one and was measured."""
    from matplotlib.figure import Figure

    paths = []
    for name, draw in PLOTS.items():
        if "rows" in measured.get(name, {}):
            figure = Figure(figsize=(8, 3.2), layout="constrained")
            draw(figure, measured[name]["rows"])
            folder.mkdir(parents=True, exist_ok=True)
            paths.append(folder / f"perf_{name}.png")
            figure.savefig(paths[-1], dpi=90)
    return paths


def _draw_op(figure: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    """Bars: how many times faster than grid_sample."""
    names = list(dict.fromkeys(row["implementation"] for row in rows))[1:]
    sizes = list(dict.fromkeys(row["size"] for row in rows))
    for axes, column, title in zip(
        figure.subplots(1, 2),
        ("forward_ratio", "both_ratio"),
        ("forward", "forward and backward"),
        strict=True,
    ):
        for place, name in enumerate(names):
            values = [row[column] for row in rows if row["implementation"] == name]
            places = [index + 0.4 * place for index in range(len(values))]
            axes.bar_label(axes.bar(places, values, 0.38, label=name), fmt="%.1f")
        axes.set_xticks(
            [index + 0.2 for index in range(len(sizes))],
            [size.replace(" ", "\n") for size in sizes],
        )
        axes.margins(y=0.12)
        axes.set_title(title)
        axes.legend()
    figure.supylabel("times faster than grid_sample", fontsize="medium")


def _draw_bars(names: Sequence[str], seconds: Sequence[float], megabytes: Sequence[float]) -> Any:
    def draw(figure: Any) -> None:
        shown = ((seconds, "CPU seconds"), (megabytes, "peak MB"))
        left, right = figure.subplots(1, 2, sharey=True)
        for axes, (values, title) in zip((left, right), shown, strict=True):
            labels = [f"{value:.0f}" if value >= 100 else f"{value:.1f}" for value in values]
            axes.bar_label(axes.barh(names, values), labels, padding=2)
            axes.set_title(title)
            axes.margins(x=0.2)
        left.invert_yaxis()  # the first row on top; both share the axis

    return draw


def _draw_frame(figure: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    _draw_bars(
        [row["form"] for row in rows],
        [row["seconds"] for row in rows],
        [row["megabytes"] for row in rows],
    )(figure)


def _draw_training(figure: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    _draw_bars(
        [f"{row['implementation']}, {row['frames']}" for row in rows],
        [row["seconds"] for row in rows],
        [row["megabytes"] for row in rows],
    )(figure)


def _draw_tracker(figure: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    """Bookkeeping by live tracks, and a frame by streams."""
    left, right = figure.subplots(1, 2)
    kept = [row for row in rows if row["what"].startswith("bookkeeping")]
    tracks = [int(row["what"].split()[1]) for row in kept]
    left.plot(tracks, [row["milliseconds"] for row in kept], "o-")
    left.set_title("bookkeeping")
    left.set_xlabel("live tracks")
    streams = [row for row in rows if "streams" in row["what"]]
    counts = [int(row["what"].split()[0]) for row in streams]
    right.plot(counts, [row["milliseconds"] for row in streams], "o-")
    right.set_title("a frame of 576x768, nano")
    right.set_xlabel("streams in one pass")
    for axes in (left, right):
        axes.set_ylabel("CPU ms")
        axes.set_ylim(0, 1.1 * axes.get_ylim()[1])


PLOTS = {
    "op": _draw_op,
    "frame": _draw_frame,
    "training": _draw_training,
    "tracker": _draw_tracker,
}
