"""Where object queries begin, and how of several near one person a single one prevails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import torch
from jaxtyping import Int
from torch import Tensor

from trackformer.boxes import cxcywh_to_xyxy, pairwise_iou
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
)
from trackformer.figures.demo_run import Answered, DemoRun

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FRAME: Final = 30
PERSON: Final = 4
"""Identity in the annotation of whom queries crowd around."""
NEAR: Final = 0.5
"""Overlap from which a query is about that person."""


def object_queries(demo: DemoRun) -> Drawn:
    """All queries on the frame; those about one person, layer by layer."""
    made = demo.answered(FRAME)
    rows, first = _about(made)
    figure = new_figure(3.5)
    whole = bare(figure.add_axes((0.01, 0.04, 0.5, 0.86)))
    _beginnings(whole, made, rows)
    scores = figure.add_axes((0.6, 0.17, 0.38, 0.7))
    layers = [made.output.class_scores(layer)[0, :, 0] for layer in range(len(made.output.boxes))]
    for row in rows.tolist():
        is_first = row == first
        scores.plot(
            range(1, len(layers) + 1),
            [float(each[row]) for each in layers],
            marker="o",
            color=colour_of(1) if is_first else QUIET,
            linewidth=2.4 if is_first else 1,
            alpha=1 if is_first else 0.6,
        )
    scores.set(xlabel="after decoder layer", ylabel="score", ylim=(0, 1), xticks=(1, 2, 3))
    scores.set_title(f"the {len(rows)} queries about one person", fontsize=10, color=INK)
    scores.grid(color=FAINT, linewidth=0.5)
    last = layers[-1][rows].sort(descending=True).values
    words = (
        f"{made.output.boxes.shape[2]} object queries begin at as many places of frame {FRAME}. "
        f"{len(rows)} of them end on one person, with an overlap above {NEAR}; after the last "
        f"layer the best has a score of {float(last[0]):.2f}, the next {float(last[1]):.2f}."
    )
    return Drawn(figure, words, "photo")


def _about(made: Answered) -> tuple[Int[Tensor, " near"], int]:
    """The queries that end on the person, and the one with the highest score."""
    person = made.people.boxes[made.people.track_ids == PERSON]
    overlap = pairwise_iou(cxcywh_to_xyxy(made.output.boxes[-1, 0]), cxcywh_to_xyxy(person))[:, 0]
    rows = torch.nonzero(overlap > NEAR)[:, 0]
    scores = made.output.class_scores()[0, rows, 0]
    return rows, int(rows[scores.argmax()])


def _beginnings(axes: Axes, made: Answered, rows: Int[Tensor, " near"]) -> None:
    axes.imshow(made.pixels, alpha=0.6)
    begun = made.output.references
    assert begun is not None
    width, height = made.size
    places = begun[0, :, :2].numpy() * (width, height)
    axes.scatter(places[:, 0], places[:, 1], s=11, color=QUERY, edgecolor="white", linewidth=0.4)
    corners = made.corners(made.output.boxes[-1, 0])
    for row in rows.tolist():
        box(axes, corners[row], colour_of(1), linewidth=1, alpha=0.7)
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.set_title(f"where the {len(places)} queries begin", fontsize=10, color=INK)
