"""The two numbers beside the losses in the published training logs; nothing is trained by them."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean

import torch
from jaxtyping import Float, Int
from torch import Tensor

from trackformer.training.watching.observation import ObservedFrame
from trackformer.types import Target

CERTAIN = 0.5
"""Score from which a sigmoid model believes that there is an object."""


def published_errors_of(frames: Sequence[ObservedFrame]) -> dict[str, float]:
    """Both, of the last decoder layer, averaged over the frames that have them."""
    wrong, off = [], []
    for frame in frames:
        logits = frame.output.class_logits[-1]
        share = class_error(logits, frame.target_index[-1], frame.targets)
        wrong += [] if share is None else [share]
        has_no_object_class = frame.output.has_no_object_class
        off.append(
            cardinality_error(logits, frame.targets, has_no_object_class=has_no_object_class)
        )
    errors = {"class_error": wrong, "cardinality_error": off}
    return {name: mean(values) for name, values in errors.items() if values}


def class_error(
    class_logits: Float[Tensor, "B Q K"],
    target_index: Int[Tensor, "B Q"],
    targets: Sequence[Target],
) -> float | None:
    """Share in [0, 100] of the queries with an object whose best class is another; None without.

    Of a model with a no-object class that one is among the other classes.
    """
    labels = [
        target.labels[rows[rows >= 0]] for target, rows in zip(targets, target_index, strict=True)
    ]
    found = class_logits[target_index >= 0].argmax(-1)
    if len(found) == 0:
        return None
    return 100 * float((found != torch.cat(labels)).float().mean())


def cardinality_error(
    class_logits: Float[Tensor, "B Q K"], targets: Sequence[Target], *, has_no_object_class: bool
) -> float:
    """By how many objects the number believed in is off, averaged over the images.

    The published code takes the last logit for the no-object class with sigmoids, too, where it is
    one of the classes: `has_no_object_class` True gives its number.
    """
    if has_no_object_class:
        is_object = class_logits.argmax(-1) != class_logits.shape[-1] - 1
    else:
        is_object = class_logits.amax(-1).sigmoid() > CERTAIN
    present = torch.tensor([len(target.labels) for target in targets], device=is_object.device)
    return float((is_object.sum(1) - present).abs().float().mean())
