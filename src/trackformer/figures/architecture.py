"""DETR's parts from left to right, with what each makes of a real frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

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
    from matplotlib.figure import Figure

FRAME: Final = 30
SURE: Final = 0.5
"""Scores above are drawn as people."""
SHOWN_QUERIES: Final = 12


def architecture(demo: DemoRun) -> Drawn:
    """Frame, backbone, encoder, object queries, decoder, heads."""
    made = demo.answered(FRAME)
    scores = made.output.class_scores()[0, :, 0]
    num_layers, _, num_queries = made.output.boxes.shape[:3]
    num_sure = int((scores > SURE).sum())
    figure = new_figure(4.1)
    _photo(figure, made)
    _map(figure, (0.325, 0.70, 0.15, 0.2), made.backbone[0].norm(dim=0), "backbone")
    for place, level in ((0.325, 0), (0.325, 1)):
        shown = made.strength(level)
        _map(figure, (place, 0.39 - 0.29 * level, 0.15, 0.2), shown, f"encoder, level {level + 1}")
    _queries(figure, num_queries, num_layers)
    _answers(figure, made, scores)
    words = (
        f"A frame of the bundled clip becomes a map of {made.backbone.shape[1]} channels, the "
        f"encoder's two levels of {made.memory.tokens.shape[1]} cells in all, and the answers of "
        f"{num_queries} object queries after {num_layers} decoder layers: {num_sure} say person "
        f"with a score above {SURE}, {num_queries - num_sure} say no object."
    )
    return Drawn(figure, words, "photo")


def _photo(figure: Figure, made: Answered) -> None:
    axes = bare(figure.add_axes((0.01, 0.33, 0.26, 0.46)))
    axes.imshow(made.pixels)
    axes.set_title(f"frame {FRAME}", fontsize=10, color=INK)
    _arrow(figure, (0.275, 0.56), (0.315, 0.72))


def _map(
    figure: Figure,
    place: tuple[float, float, float, float],
    strength: Float[Tensor, "h w"],
    name: str,
) -> None:
    axes = bare(figure.add_axes(place))
    axes.imshow(strength.numpy(), cmap="magma")
    height, width = strength.shape
    axes.set_title(f"{name}: {height} × {width}", fontsize=9.5, color=INK, pad=3)


def _queries(figure: Figure, num_queries: int, num_layers: int) -> None:
    axes = figure.add_axes((0.52, 0.1, 0.17, 0.8))
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.axis("off")
    for row in range(num_layers):
        bottom = 0.34 + 0.17 * row
        _block(axes, bottom, f"decoder layer {row + 1}")
    _block(axes, 0.34 + 0.17 * num_layers, "heads: class, box")
    for place in np.linspace(0.06, 0.94, SHOWN_QUERIES):
        axes.plot(place, 0.19, "s", color=QUERY, markersize=5)
        axes.annotate(
            "",
            (place, 0.33),
            (place, 0.22),
            arrowprops={"arrowstyle": "->", "color": FAINT, "shrinkA": 0, "shrinkB": 0},
        )
    axes.text(0.5, 0.1, f"{num_queries} object queries", fontsize=9.5, color=INK, ha="center")
    axes.text(
        0.5,
        0.02,
        "attend to each other\nand to the encoder's cells",
        fontsize=8.5,
        color=QUIET,
        ha="center",
        va="center",
    )
    _arrow(figure, (0.4, 0.69), (0.4, 0.635))
    _arrow(figure, (0.48, 0.47), (0.522, 0.44))
    _arrow(figure, (0.69, 0.78), (0.73, 0.66))


def _block(axes: Axes, bottom: float, name: str) -> None:
    from matplotlib.patches import FancyBboxPatch

    look: dict[str, Any] = {"facecolor": "#eef1f6", "edgecolor": FAINT, "linewidth": 1}
    axes.add_patch(
        FancyBboxPatch(
            (0.03, bottom), 0.94, 0.12, boxstyle="round,pad=0,rounding_size=0.03", **look
        )
    )
    axes.text(0.5, bottom + 0.06, name, fontsize=9.5, color=INK, ha="center", va="center")


def _answers(figure: Figure, made: Answered, scores: Float[Tensor, " Q"]) -> None:
    axes = bare(figure.add_axes((0.735, 0.33, 0.26, 0.46)))
    axes.imshow(made.pixels, alpha=0.45)
    corners = made.corners(made.output.boxes[-1, 0])
    for row in torch.argsort(scores).tolist():
        if scores[row] <= SURE:
            box(axes, corners[row], QUIET, linewidth=0.4, alpha=0.6)
    sure = torch.nonzero(scores > SURE)[:, 0].tolist()
    for number, row in enumerate(sure, start=1):
        box(axes, corners[row], colour_of(number), linewidth=2)
    axes.set_title(
        f"{len(sure)} people, {len(scores) - len(sure)} × no object", fontsize=10, color=INK
    )
    width, height = made.size
    axes.set(xlim=(0, width), ylim=(height, 0))


def _arrow(figure: Figure, start: tuple[float, float], end: tuple[float, float]) -> None:
    from matplotlib.patches import FancyArrowPatch

    look: dict[str, Any] = {
        "arrowstyle": "-|>",
        "mutation_scale": 14,
        "color": QUIET,
        "linewidth": 1.4,
    }
    figure.add_artist(FancyArrowPatch(start, end, transform=figure.transFigure, **look))
