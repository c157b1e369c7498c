"""Weights halfway between two models, such as before and after a training run.

Fine-tuning gains on what it sees and loses elsewhere; halfway, most of the gain is there and most
of the loss is not (Wortsman et al. 2022, "Robust fine-tuning of zero-shot models").
"""

from __future__ import annotations

import copy

import torch

from trackformer.checkpoints.tensors import load_tensors, unique_tensors
from trackformer.models.trackformer import TrackFormer


def average(model: TrackFormer, other: TrackFormer, where: str = "the other model") -> TrackFormer:
    """The mean of two models' weights, with the settings of the first.

    Only two that share a training history lie near enough: one trained on from the other, or both
    from a third.

    Args:
        model: Any TrackFormer.
        other: With tensors of the same names and shapes.
        where: What messages call `other`.

    Raises:
        CheckpointError: Names tensors that one of them has and the other has not, or in another
            shape.
    """
    theirs = unique_tensors(other)
    means = {
        name: torch.lerp(tensor.double(), theirs[name].double(), 0.5).to(tensor.dtype)
        for name, tensor in unique_tensors(model).items()
        if name in theirs and theirs[name].shape == tensor.shape and tensor.is_floating_point()
    }
    averaged = copy.deepcopy(model)
    load_tensors(averaged, theirs | means, where)
    return averaged
