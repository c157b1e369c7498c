"""Deformable attention on a real frame: where one query reads, in one level and in several."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import torch

from trackformer.boxes import cxcywh_to_xyxy, pairwise_iou
from trackformer.figures.canvas import (
    INK,
    PEOPLE,
    QUERY,
    QUIET,
    Drawn,
    bare,
    box,
    new_figure,
)
from trackformer.figures.demo_run import Answered, DemoRun
from trackformer.inspecting.looks import SampledPoints

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FRAME: Final = 30
PERSON: Final = 4
"""Identity in the annotation of whom the query sees."""
HEAD: Final = 0
DOT: Final = 420.0
"""Area of a point whose weight is 1, in square points."""


def _query(made: Answered) -> int:
    """The query with the best box of the person among the sure ones."""
    person = made.people.boxes[made.people.track_ids == PERSON]
    overlap = pairwise_iou(cxcywh_to_xyxy(made.output.boxes[-1, 0]), cxcywh_to_xyxy(person))[:, 0]
    return int((overlap * (made.output.class_scores()[0, :, 0] > 0.5)).argmax())


def single_scale(demo: DemoRun) -> Drawn:
    """One head of one level: reference, offsets, the four cells that each point is read from."""
    made = demo.answered(FRAME)
    row = _query(made)
    looks = made.looks.points_of(row)[0]
    figure = new_figure(3.7)
    photo = bare(figure.add_axes((0.01, 0.03, 0.48, 0.88)))
    photo.set_title("one head, one level, on the frame", fontsize=10, color=INK)
    photo.imshow(made.pixels, alpha=0.7)
    cells = bare(figure.add_axes((0.52, 0.03, 0.47, 0.88)))
    height, width = made.memory.level_shapes[0]
    cells.set_title(f"the same in the map of {height} × {width} cells", fontsize=10, color=INK)
    _cells(cells, made, level=0)
    points, weights = looks.points[HEAD, 0].numpy(), looks.weights[HEAD, 0].numpy()
    reference = _begun(made, row)
    for axes in (photo, cells):
        _window(axes, made, reference)
        for number, (point, weight) in enumerate(zip(points, weights, strict=True), start=1):
            place = point * np.array(made.size)
            axes.annotate(
                "",
                tuple(place),
                tuple(reference[:2]),
                arrowprops={"arrowstyle": "->", "color": INK},
            )
            axes.scatter(
                place[0],
                place[1],
                s=60 + DOT * weight,
                color=PEOPLE[1],
                edgecolor="white",
                zorder=3,
            )
            text = f"{number}: {weight:.2f}"
            axes.annotate(
                text,
                tuple(place),
                (7, 7),
                textcoords="offset points",
                fontsize=9.5,
                color=INK,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 1, "alpha": 0.8},
            )
        axes.plot(*reference[:2], "+", color=QUERY, markersize=13, markeredgewidth=2.4)
    words = (
        f"Head {HEAD + 1} of the first decoder layer reads {len(points)} points of level 1 for the "
        f"query that sees person {PERSON} in frame {FRAME}, with weights "
        f"{', '.join(f'{weight:.2f}' for weight in weights)} (the rest of 1 is on level 2)."
    )
    return Drawn(figure, words, "photo")


def multi_scale(demo: DemoRun) -> Drawn:
    """All heads and levels, layer by layer."""
    made = demo.answered(FRAME)
    row = _query(made)
    layers = made.looks.points_of(row)
    figure = new_figure(3.6)
    for place, looks in enumerate(layers):
        axes = bare(figure.add_axes((0.01 + 0.333 * place, 0.12, 0.315, 0.78)))
        axes.set_title(f"decoder layer {place + 1}", fontsize=10, color=INK)
        axes.imshow(made.pixels, alpha=0.7)
        for level in range(looks.points.shape[1]):
            _dots(axes, made, looks, level)
        box(axes, made.corners(made.output.boxes[place, 0, row]), INK)
        _window(axes, made, _begun(made, row))
    shares = [
        [float(looks.weights[:, level].sum() / len(looks.weights)) for level in range(2)]
        for looks in layers
    ]
    for level, (height, width) in enumerate(made.memory.level_shapes):
        figure.text(
            0.03 + 0.5 * level,
            0.04,
            f"● level {level + 1}, {height} × {width} cells: "
            + ", ".join(f"{100 * share[level]:.0f} %" for share in shares)
            + " of the weight",
            color=PEOPLE[1 + 2 * level],
            fontsize=9.5,
        )
    num_points = int((layers[0].weights > 0).sum())
    words = (
        f"The same query reads {num_points} points in each decoder layer, {len(layers[0].points)} "
        f"heads on two levels; level 1 gets "
        f"{', '.join(f'{100 * share[0]:.0f} %' for share in shares)} of the weight, layer by layer."
    )
    return Drawn(figure, words, "photo")


def _begun(made: Answered, row: int) -> np.ndarray:
    """Where the query began: centre x and y, width and height in pixels."""
    begun = made.output.references
    assert begun is not None
    place: np.ndarray = begun[0, row].numpy() * np.tile(np.array(made.size), 2)
    return place


def _window(axes: Axes, made: Answered, reference: np.ndarray) -> None:
    x, y = reference[:2]
    width, height = made.size
    low, high = max(x - 75, 0), min(x + 75, width)
    axes.set(xlim=(low, high), ylim=(min(y + 85, height), max(y - 85, 0)))


def _cells(axes: Axes, made: Answered, level: int) -> None:
    """The strength of the encoder's answer in every cell, as large as on the frame."""
    height, width = made.memory.level_shapes[level]
    strength = made.strength(level).numpy()
    right, bottom = made.size
    axes.imshow(strength, cmap="magma", alpha=0.45, extent=(0, right, bottom, 0))
    for column in range(width + 1):
        axes.axvline(right * column / width, color=QUIET, linewidth=0.4)
    for row in range(height + 1):
        axes.axhline(bottom * row / height, color=QUIET, linewidth=0.4)


def _dots(axes: Axes, made: Answered, looks: SampledPoints, level: int) -> None:
    weights = looks.weights[:, level].flatten()
    places = looks.points[:, level].flatten(0, 1)[weights > 0] * torch.tensor(made.size)
    axes.scatter(
        places[:, 0].numpy(),
        places[:, 1].numpy(),
        s=DOT * weights[weights > 0].numpy() + 5,
        color=PEOPLE[1 + 2 * level],
        edgecolor="white",
        linewidth=0.6,
        zorder=3 + level,
    )
