"""The set prediction loss of the matched frame, query by query, term by term."""

from __future__ import annotations

from typing import Final

import torch

from trackformer.figures.canvas import FAINT, INK, PEOPLE, QUIET, Drawn, new_figure
from trackformer.figures.demo_run import Answered, DemoRun
from trackformer.figures.matching import FRAME, Costs, costs_of
from trackformer.training.losses.set_prediction import SetLosses, set_prediction_loss
from trackformer.training.settings import LossSettings
from trackformer.types import PADDING

SETTINGS: Final = LossSettings()
OTHERS: Final = "all\nothers"


def set_loss(demo: DemoRun) -> Drawn:
    """Stacked bars: class, L1 and GIoU of each of the surest queries, and of all others."""
    made = demo.answered(FRAME)
    costs = costs_of(made)
    shown = [*([row] for row in costs.rows.tolist()), _the_rest(costs)]
    names = [*(chr(97 + place) for place in range(len(costs.rows))), OTHERS]
    parts = [loss_of(made, costs, rows) for rows in shown]
    whole = loss_of(made, costs, range(len(costs.target_index)))
    terms = {
        "class": [SETTINGS.class_weight * float(part.classification) for part in parts],
        "L1": [SETTINGS.l1_weight * float(part.l1) for part in parts],
        "GIoU": [SETTINGS.giou_weight * float(part.giou) for part in parts],
    }
    figure = new_figure(3.1)
    axes = figure.add_axes((0.07, 0.16, 0.91, 0.72))
    begin = [0.0] * len(names)
    for (term, values), colour in zip(terms.items(), PEOPLE, strict=False):
        axes.bar(range(len(names)), values, 0.62, begin, color=colour, label=term)
        begin = [low + value for low, value in zip(begin, values, strict=True)]
    for place, total in enumerate(begin):
        axes.text(place, total, f"{total:.3f}", ha="center", va="bottom", fontsize=9.5, color=INK)
    people = [
        "nobody" if index < 0 else f"person {costs.people[index]}"
        for index in costs.target_index[costs.rows].tolist()
    ]
    labels = [f"{name}\n{person}" for name, person in zip(names[:-1], people, strict=True)]
    axes.set_xticks(range(len(names)), [*labels, f"{len(shown[-1])} others\nnobody"], fontsize=9.5)
    axes.set_ylabel("share of the loss", color=QUIET)
    axes.margins(y=0.14)
    axes.legend(frameon=False, ncols=3, loc="upper right")
    axes.grid(axis="y", color=FAINT, linewidth=0.5)
    axes.set_axisbelow(True)
    total = float(whole.total(SETTINGS))
    axes.set_title(f"frame {FRAME}: {total:.3f} in all", fontsize=10.5, color=INK, loc="left")
    words = (
        f"The loss of frame {FRAME} is {total:.3f}; "
        + ", ".join(f"{name} {value:.3f}" for name, value in zip(names[:-1], begin, strict=False))
        + f", the {len(shown[-1])} others together {begin[-1]:.3f}."
    )
    return Drawn(figure, words, "drawing")


def loss_of(made: Answered, costs: Costs, rows: list[int] | range) -> SetLosses:
    """The share of some queries: all others become padding, which has no loss."""
    index = torch.full_like(costs.target_index, PADDING)
    index[list(rows)] = costs.target_index[list(rows)]
    return set_prediction_loss(
        made.output.class_logits[-1:],
        made.output.boxes[-1:],
        index[None, None],
        [made.people],
        float(len(costs.people)),
        SETTINGS,
    )


def _the_rest(costs: Costs) -> list[int]:
    shown = set(costs.rows.tolist())
    return [row for row in range(len(costs.target_index)) if row not in shown]
