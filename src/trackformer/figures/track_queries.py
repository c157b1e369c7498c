"""TrackFormer on two real frames: which query sees whom again, and who is new."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch

from trackformer.boxes import to_pixels_xyxy
from trackformer.figures.canvas import (
    FAINT,
    INK,
    QUERY,
    QUIET,
    Drawn,
    bare,
    box,
    colour_of,
    new_figure,
    tag,
)
from trackformer.figures.demo_run import DemoRun
from trackformer.tracking.lifecycle.decisions import Rule
from trackformer.tracking.tracing.records import TracedFrame, TracedQuery

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BEFORE, NOW = 15, 16
SEEN: Final = (Rule.KEPT, Rule.BACK_BY_QUERY, Rule.BORN)


def track_queries(demo: DemoRun) -> Drawn:
    """The frame before, the queries between, and the frame that they answer."""
    frame = demo.tracked[NOW]
    figure = new_figure(5.3)
    for place, index in enumerate((BEFORE, NOW)):
        axes = bare(figure.add_axes((0.01 + 0.5 * place, 0.42, 0.48, 0.52)))
        axes.imshow(demo.frames[index], alpha=0.75)
        axes.set_title(f"frame {index}", fontsize=11, color=INK, loc="left")
        _people(axes, demo.tracked[index], shows_references=index == NOW)
        height, width = demo.frames[index].shape[:2]
        axes.set(xlim=(0, width), ylim=(height, 0))
    rows = figure.add_axes((0.01, 0.0, 0.98, 0.4))
    rows.axis("off")
    _rows(rows, frame)
    told = ", ".join(
        f"#{query.track_id} {query.decisions[-1].rule} with {query.layers[-1].score:.2f}"
        for query in frame.queries
        if query.track_id is not None
    )
    words = (
        f"In frame {NOW} {len(frame.track_ids)} track queries are asked in front of "
        f"{frame.num_queries - len(frame.track_ids)} object queries: {told}."
    )
    return Drawn(figure, words, "photo")


def _people(axes: Axes, frame: TracedFrame, *, shows_references: bool) -> None:
    for query in frame.queries:
        if query.track_id is None:
            continue
        colour = colour_of(query.track_id)
        if shows_references and query.origin != "object" and query.reference is not None:
            box(axes, _pixels(query.reference, frame), colour, linestyle=":", linewidth=1.2)
        if query.decisions[-1].rule in SEEN:
            corners = _pixels(query.layers[-1].box, frame)
            box(axes, corners, colour)
            # Neighbours' names in turns above and below, so that they do not hide each other.
            is_above = query.track_id % 2 == 1
            corner = float(corners[0]), float(corners[1 if is_above else 3])
            side = "bottom" if is_above else "top"
            tag(axes, corner, f"{query.track_id}", colour, fontsize=9, va=side)


def _pixels(place: tuple[float, ...], frame: TracedFrame) -> np.ndarray:
    corners: np.ndarray = to_pixels_xyxy(torch.tensor(place), frame.image_size).numpy()
    return corners


def _rows(axes: Axes, frame: TracedFrame) -> None:
    """Every query that mattered as a square: asked below, answered above."""
    shown = [query for query in frame.queries if query.track_id is not None]
    num_objects = frame.num_queries - len(frame.track_ids)
    axes.set(xlim=(-0.95, len(shown) + 1.3), ylim=(-0.2, 3.3))
    for place, query in enumerate(shown):
        _row(axes, place, query)
    rest = len(shown) + 0.45
    axes.text(
        rest,
        1.55,
        f"{num_objects - 1} other\nobject queries:\nnobody new",
        fontsize=9.5,
        color=QUIET,
        ha="center",
        va="center",
    )
    for height, text in ((2.85, "answer"), (1.55, "asked"), (0.35, "decided")):
        axes.text(-0.85, height, text, fontsize=9.5, color=QUIET, va="center", rotation=90)


def _row(axes: Axes, place: int, query: TracedQuery) -> None:
    assert query.track_id is not None
    is_new = query.origin == "object"
    colour = colour_of(query.track_id)
    asked = QUERY if is_new else colour
    square: dict[str, Any] = {"boxstyle": "square,pad=0.35", "edgecolor": "none"}
    axes.text(
        place,
        1.55,
        "new?" if is_new else f"{query.track_id}?",
        color="white",
        ha="center",
        va="center",
        fontsize=10,
        fontweight="bold",
        bbox=square | {"facecolor": asked},
    )
    axes.annotate("", (place, 2.5), (place, 1.95), arrowprops={"arrowstyle": "->", "color": FAINT})
    axes.text(
        place,
        2.85,
        f"{query.layers[-1].score:.2f}",
        color=INK,
        ha="center",
        va="center",
        fontsize=10,
    )
    decision = query.decisions[-1]
    text = str(decision.rule)
    if decision.threshold is not None and decision.setting is not None:
        text += f"\nabove {decision.threshold:g}"
    elif is_new:
        text += f"\nas #{query.track_id}"
    axes.text(place, 0.35, text, color=INK, ha="center", va="center", fontsize=9.5)
