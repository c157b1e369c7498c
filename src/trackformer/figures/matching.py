"""Bipartite matching on a real frame: the two costs, their sum, and who gets whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import torch
from jaxtyping import Float, Int
from torch import Tensor

from trackformer.figures.canvas import INK, QUERY, Drawn, bare, box, colour_of, new_figure, tag
from trackformer.figures.demo_run import Answered, DemoRun
from trackformer.training.matching import match, matching_cost
from trackformer.training.settings import MatchingSettings

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FRAME: Final = 30
SHOWN: Final = 8
"""Object queries in the tables: those with the highest scores."""
SETTINGS: Final = MatchingSettings()
WINDOW: Final = (150.0, 120.0, 690.0, 490.0)
"""Part of the frame that is shown, in pixels: left, top, right, bottom."""


@dataclass(frozen=True, slots=True, eq=False)
class Costs:
    """What the matching of a frame compares, and what it decides."""

    rows: Int[Tensor, " shown"]
    """Of the queries that are shown, by score."""
    people: tuple[int, ...]
    """Identities in the annotation, as the columns stand."""
    class_cost: Float[Tensor, "N G"]
    box_cost: Float[Tensor, "N G"]
    target_index: Int[Tensor, " N"]

    @property
    def total(self) -> Float[Tensor, "N G"]:
        """What is minimal in sum over the chosen pairs."""
        return self.class_cost + self.box_cost


def costs_of(made: Answered) -> Costs:
    """The terms of the matching cost by setting the weights of the others to 0."""
    only_class = SETTINGS.model_copy(update={"l1_cost": 0.0, "giou_cost": 0.0})
    only_box = SETTINGS.model_copy(update={"class_cost": 0.0})
    terms = [
        matching_cost(
            made.output.class_logits[-1, 0],
            made.output.boxes[-1, 0],
            made.people,
            settings,
            has_no_object_class=False,
        )
        for settings in (only_class, only_box)
    ]
    nobody = torch.zeros(1, 0, dtype=torch.long)
    index = match(made.output, [made.people], nobody, SETTINGS)[-1, 0]
    rows = made.output.class_scores()[0, :, 0].topk(SHOWN).indices
    return Costs(rows, tuple(made.people.track_ids.tolist()), terms[0], terms[1], index)


def matching(demo: DemoRun) -> Drawn:
    """The frame with people and answers; class cost, box cost, and their sum."""
    made = demo.answered(FRAME)
    costs = costs_of(made)
    figure = new_figure(6.6)
    _scene(bare(figure.add_axes((0.01, 0.4, 0.98, 0.59))), made, costs)
    tables = (("class cost", costs.class_cost), ("box cost", costs.box_cost), ("sum", costs.total))
    for place, (name, cost) in enumerate(tables):
        axes = figure.add_axes((0.045 + 0.325 * place, 0.02, 0.3, 0.28))
        _table(axes, cost[costs.rows], costs)
        axes.set_title(name, fontsize=10.5, color=INK, pad=20)
    taken = costs.target_index[costs.rows].tolist()
    pairs = ", ".join(
        f"{chr(97 + place)} gets person {costs.people[index]}"
        for place, index in enumerate(taken)
        if index >= 0
    )
    best = sum(
        float(costs.total[row, index])
        for row, index in enumerate(costs.target_index.tolist())
        if index >= 0
    )
    words = f"Frame {FRAME}, object queries by score: {pairs}; the sum of the costs is {best:.2f}."
    return Drawn(figure, words, "photo")


def _scene(axes: Axes, made: Answered, costs: Costs) -> None:
    axes.imshow(made.pixels, alpha=0.6)
    for person, corners in zip(costs.people, made.corners(made.people.boxes), strict=True):
        box(axes, corners, INK, linewidth=2.2)
        axes.text(
            (corners[0] + corners[2]) / 2,
            corners[3] + 2,
            str(person),
            ha="center",
            va="top",
            fontsize=11,
            fontweight="bold",
            clip_on=True,
        )
    for place, row in enumerate(costs.rows.tolist()):
        corners = made.corners(made.output.boxes[-1, 0, row])
        index = int(costs.target_index[row])
        colour = colour_of(costs.people[index]) if index >= 0 else QUERY
        box(axes, corners, colour, linestyle="-" if index >= 0 else ":")
        name = chr(97 + place)
        if index >= 0:
            tag(axes, (float(corners[0]), float(corners[1])), name, colour, fontsize=9)
        else:
            corner = float(corners[2]), float(corners[3])
            tag(axes, corner, name, colour, fontsize=9, va="top")
    left, top, right, bottom = WINDOW
    axes.set(xlim=(left, right), ylim=(bottom, top))


def _table(axes: Axes, cost: Float[Tensor, "shown G"], costs: Costs) -> None:
    axes.imshow(cost.numpy(), cmap="Blues_r", aspect="auto", alpha=0.55)
    for row, values in enumerate(cost.tolist()):
        taken = int(costs.target_index[costs.rows[row]])
        for column, value in enumerate(values):
            axes.text(
                column,
                row,
                f"{value:.1f}",
                ha="center",
                va="center",
                fontsize=8.5,
                color=INK,
                fontweight="bold" if column == taken else "normal",
            )
        if taken >= 0:
            corners = (taken - 0.47, row - 0.47, taken + 0.47, row + 0.47)
            box(axes, corners, colour_of(costs.people[taken]), linewidth=2)
    axes.set_xticks(range(cost.shape[1]), [str(person) for person in costs.people])
    axes.set_yticks(range(len(cost)), [chr(97 + row) for row in range(len(cost))])
    axes.tick_params(length=0, labelsize=10, top=False, labeltop=True, labelbottom=False)
    for side in axes.spines.values():
        side.set_visible(False)
