"""Giving a detector other classes: known ones keep their rows of the class heads."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from trackformer.models.build import build_model
from trackformer.models.trackformer import TrackFormer


def with_classes(model: TrackFormer, class_names: Sequence[str]) -> TrackFormer:
    """A model for `class_names` with the weights of `model`.

    Rows of the class heads are copied by class name; new classes begin at random. Everything else
    is copied as it is. (Keeping one class of a detector loses nothing, and selects queries better.)
    """
    if tuple(class_names) == model.settings.class_names:
        return model
    changed = build_model(model.settings.model_copy(update={"class_names": tuple(class_names)}))
    heads = _class_heads(model)
    old_names = list(model.settings.class_names)
    pairs = [
        (new, old_names.index(name)) for new, name in enumerate(class_names) if name in old_names
    ]
    old_state = model.state_dict()
    with torch.no_grad():
        for name, tensor in changed.state_dict().items():
            old = old_state[name]
            if name not in heads:
                tensor.copy_(old)
                continue
            for new_row, old_row in pairs:
                tensor[new_row] = old[old_row]
            if len(old) == len(old_names) + 1:  # the no-object class comes last
                tensor[-1] = old[-1]
    return changed.train(model.training)


def _class_heads(model: TrackFormer) -> set[str]:
    """Names of the tensors with one row per class: those that another class would change."""
    one_more = (*model.settings.class_names, "one more")
    larger = build_model(model.settings.model_copy(update={"class_names": one_more})).state_dict()
    return {
        name for name, tensor in model.state_dict().items() if larger[name].shape != tensor.shape
    }
