"""What a model answered for one image, query by query."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor

from trackformer.types import ModelOutput


@dataclass(frozen=True, slots=True, eq=False)
class Origins:
    """How one image's answer came about, query by query, track queries first."""

    layer_scores: Float[Tensor, "D Q"]
    """Score of the best class after each decoder layer that answers, [0, 1]."""
    layer_boxes: Float[Tensor, "D Q 4"]
    references: Float[Tensor, "Q R"] | None
    """Where the queries began: points (R = 2) or boxes (R = 4)."""
    num_proposed: int
    """How many of the last queries are about places of another detector."""


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """One image's answer, query by query, track queries first."""

    scores: Float[Tensor, " Q"]
    """Score of the best class, [0, 1]."""
    labels: Int[Tensor, " Q"]
    boxes: Float[Tensor, "Q 4"]
    embeddings: Float[Tensor, "Q C"]
    origins: Origins | None = None
    """Only where they are asked for: to write down why something was decided."""


def predictions_of(output: ModelOutput, image_index: int = 0) -> Predictions:
    """Best class, score, box and embedding of every query of one image of a batch."""
    scores, labels = output.class_scores()[image_index].max(-1)
    return Predictions(
        scores, labels, output.boxes[-1, image_index].float(), output.embeddings[image_index]
    )
