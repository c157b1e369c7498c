"""What was to be reached, and what is: the goals' rows out of the measured ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Rows = Sequence[Mapping[str, Any]]
Measured = Mapping[str, Mapping[str, Any]]
"""Of each section: `rows`, or `skipped`."""
BIG = "enc32"
"""An encoder layer of an image of 800 x 1333 pixels."""


@dataclass(frozen=True, slots=True)
class Goal:
    """One row of the goals."""

    what: str
    least: str
    section: str
    reached: Callable[[Rows], str]


def goal_rows(measured: Measured) -> list[tuple[str, str, str, str]]:
    """What, at least, reached, section; what was not measured says why."""
    rows = []
    for goal in GOALS:
        section = measured.get(goal.section, {"skipped": "not run"})
        if "skipped" in section:
            reached = f"not measured: {section['skipped']}"
        else:
            reached = goal.reached(section["rows"])
        rows.append((goal.what, goal.least, reached, goal.section))
    return rows


def _row(rows: Rows, **wanted: object) -> Mapping[str, Any] | None:
    return next(
        (row for row in rows if all(row[name] == value for name, value in wanted.items())), None
    )


def _attention(implementation: str) -> Callable[[Rows], str]:
    def reached(rows: Rows) -> str:
        row = _row(rows, size=BIG, implementation=implementation)
        if row is None:
            return "not measured: it cannot run here"
        text = f"{row['forward_ratio']:.1f}x / {row['both_ratio']:.1f}x"
        if implementation == "compiled":
            text += f"; forward {row['forward_ms'] / row['forward_bound_ms']:.1f}x its bound"
        return text

    return reached


def _forward(rows: Rows) -> str:
    row = _big_model(rows)
    faster, low = (
        row["theirs seconds"] / row[f"{side} seconds"] for side in ("optimised", "bfloat16")
    )
    kept, kept_low = (
        row["theirs kept_seconds"] / row[f"{side} kept_seconds"]
        for side in ("optimised", "bfloat16")
    )
    return (
        f"{faster:.1f}x, boxes to {row['box_difference']:.0e}; bf16 {low:.1f}x, boxes to "
        f"{row['bfloat16_box_difference']:.0e}; both sides keeping freed memory {kept:.1f}x; "
        f"bf16 {kept_low:.1f}x"
    )


def _memory(rows: Rows) -> str:
    row = _big_model(rows)
    share = row["optimised megabytes"] / row["theirs megabytes"]
    return f"{share:.2f} ({row['optimised megabytes']:.0f} of {row['theirs megabytes']:.0f} MB)"


def _big_model(rows: Rows) -> Mapping[str, Any]:
    row = _row(rows, kind="deformable_detr", size=[800, 1333])
    assert row is not None
    return row


def _frame(rows: Rows) -> str:
    by_form = {row["form"]: row for row in rows}
    published = by_form["published"]["seconds"]
    fast, low = (published / by_form[form]["seconds"] for form in ("optimised", "bfloat16"))
    kept, kept_low = (
        published / by_form[form]["kept_seconds"] for form in ("optimised", "bfloat16")
    )
    return (
        f"{fast:.1f}x, bf16 {low:.1f}x, against its form in this package with `grid_sample`; "
        f"ours keeping freed memory, as our command line does, {kept:.1f}x; bf16 {kept_low:.1f}x"
    )


def _bookkeeping(rows: Rows) -> str:
    row = [row for row in rows if row["what"].startswith("bookkeeping")][-1]
    return f"{row['milliseconds']:.1f} ms ({row['what'].removeprefix('bookkeeping, ')})"


def _streams(rows: Rows) -> str:
    counts = [row for row in rows if "streams" in row["what"]]
    shown = ", ".join(f"{row['what'].split()[0]}: {row['milliseconds']:.0f} ms" for row in counts)
    return f"CPU, a frame of N streams, {shown}"


def _help(rows: Rows) -> str:
    row = _row(rows, what="trackformer --help")
    assert row is not None
    torch = "imported" if row["imports_torch"] else "not imported"
    return f"{row['cpu_seconds']:.2f} s (torch is {torch})"


def _gpu_attention(rows: Rows) -> str:
    wanted = "forward and backward, x"
    found = [row for row in rows if row["what"].startswith(BIG) and row["what"].endswith(wanted)]
    return f"{max(row['figure'] for row in found):.1f}x"


def _gpu_frames(rows: Rows) -> str:
    return f"{next(row['figure'] for row in rows if row['what'].startswith('1 streams')):.0f}"


GOALS = (
    Goal(
        "MSDeformAttn forward / forward+backward, 800x1333, portable, against `grid_sample`",
        "10x / 5x",
        "op",
        _attention("portable"),
    ),
    Goal(
        "the same with the compiled kernel",
        "30x / 25x, within 1.5x of the roofline",
        "op",
        _attention("compiled"),
    ),
    Goal(
        "Deformable DETR R50 800x1333 against transformers', same weights, boxes to 1e-5",
        "3x; bf16 5x",
        "model",
        _forward,
    ),
    Goal("peak memory of that forward against transformers'", "a third", "model", _memory),
    Goal("TrackFormer frame 800x1333 against the original code", "5x", "frame", _frame),
    Goal("tracker bookkeeping a frame, 300 live tracks", "< 2 ms", "tracker", _bookkeeping),
    Goal(
        "N streams in one pass against N passes",
        "less per frame as N grows",
        "tracker",
        _streams,
    ),
    Goal("`trackformer --help`", "< 0.3 s", "start_up", _help),
    Goal("H200: MSDeformAttn forward+backward, bf16", "4x", "gpu", _gpu_attention),
    Goal("H200: TrackFormer R50 800x1333, 50 tracks", "30 frames/s", "gpu", _gpu_frames),
)
