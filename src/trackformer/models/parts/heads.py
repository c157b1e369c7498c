"""How a query's embedding becomes class logits and a box."""

from __future__ import annotations

import itertools
import math
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from trackformer.boxes import exact

FOREGROUND_PRIOR = 0.01
"""Every class's score before training (Lin et al. 2017, section 3.3): most is background."""


class MLP(nn.Module):
    """Linear layers with a ReLU between."""

    def __init__(self, input_size: int, hidden_size: int, output_size: int, num_layers: int):
        super().__init__()
        sizes = [input_size, *[hidden_size] * (num_layers - 1), output_size]
        self.layers = nn.ModuleList(
            nn.Linear(before, after) for before, after in itertools.pairwise(sizes)
        )

    def forward(self, rows: Float[Tensor, "*rows _"]) -> Float[Tensor, "*rows _"]:
        """Transform every row."""
        *hidden_layers, last_layer = self.layers
        for layer in hidden_layers:
            rows = F.relu(layer(rows))
        output: Tensor = last_layer(rows)
        return output


def build_class_head(
    embedding_size: int, num_classes: int, classification: Literal["softmax", "sigmoid"]
) -> nn.Linear:
    """A linear layer to `num_classes` logits, with softmax to one more for 'no object'."""
    if classification == "softmax":
        return nn.Linear(embedding_size, num_classes + 1)
    head = nn.Linear(embedding_size, num_classes)
    nn.init.constant_(head.bias, -math.log((1 - FOREGROUND_PRIOR) / FOREGROUND_PRIOR))
    return head


def build_box_head(embedding_size: int) -> MLP:
    """Three layers to four numbers; their sigmoid, or a shift of a reference, is a box."""
    return MLP(embedding_size, embedding_size, 4, num_layers=3)


def shift_reference(
    delta: Float[Tensor, "B Q 4"], reference: Float[Tensor, "B Q R"]
) -> Float[Tensor, "B Q 4"]:
    """Boxes from a box head's output and reference points (R = 2) or boxes (R = 4), relative.

    σ(Δ + σ⁻¹(reference)); a reference point shifts only the centre (Zhu et al. 2021, appendix A.3).
    """
    missing = delta.shape[-1] - reference.shape[-1]
    return (exact(delta) + F.pad(inverse_sigmoid(exact(reference)), (0, missing))).sigmoid()


def inverse_sigmoid(probability: Float[Tensor, "*rows"]) -> Float[Tensor, "*rows"]:
    """log(p / (1 - p)) for p in [0, 1]; values beyond count as 0 or 1, and both stay finite."""
    clamped = probability.clamp(0, 1)
    return torch.log(clamped.clamp(min=1e-5) / (1 - clamped).clamp(min=1e-5))
