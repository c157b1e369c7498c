"""Weights between several models, such as before and after a training run.

Fine-tuning gains on what it sees and loses elsewhere; halfway, most of the gain is there and most
of the loss is not (Wortsman et al. 2022, "Robust fine-tuning of zero-shot models"). The mean of
several runs from the same beginning often does better than each ("Model soups", the same year).
"""

from __future__ import annotations

import copy
from collections.abc import Mapping

from trackformer.checkpoints.tensors import check_tensors_fit, load_tensors, unique_tensors
from trackformer.models.trackformer import TrackFormer


def average(model: TrackFormer, others: Mapping[str, TrackFormer]) -> TrackFormer:
    """The mean of several models' weights, each counting the same, with the settings of the first.

    Only models that share a training history lie near enough: one trained on from the other, or
    all from the same.

    Args:
        model: Any TrackFormer.
        others: By what messages call them; with tensors of the same names and shapes.

    Raises:
        CheckpointError: Names tensors that one of them has and another has not, or in another
            shape.
    """
    own = unique_tensors(model)
    sums = {name: tensor.double() for name, tensor in own.items() if tensor.is_floating_point()}
    for where, other in others.items():
        check_tensors_fit(model, theirs := unique_tensors(other), where)
        sums = {name: total + theirs[name].double() for name, total in sums.items()}
    means = {name: (total / (1 + len(others))).to(own[name].dtype) for name, total in sums.items()}
    averaged = copy.deepcopy(model)
    load_tensors(averaged, own | means, "their mean")
    return averaged
