"""Tensors of a file become a model's: every name, shape and value is looked at first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import torch
from torch import Tensor, nn

from trackformer.errors import CheckpointError

LONGEST_NAME: Final = 120


def load_tensors(model: nn.Module, tensors: Mapping[str, Tensor], where: str) -> None:
    """Copy tensors into a model; every name and shape must fit.

    Raises:
        CheckpointError: Names the missing, unexpected and mis-shaped tensors, or one whose values
            are not finite: such a model would find nothing, without a word.
    """
    check_tensors_fit(model, tensors, where)
    wanted = unique_tensors(model)
    for name in wanted:
        values = tensors[name]
        if values.is_floating_point() and not bool(values.isfinite().all()):
            count = int((~values.isfinite()).sum())
            raise CheckpointError(
                f"{where}: expected finite weights, got {count} of {values.numel()} values that "
                f"are not a number or infinite in {name}"
            )
    with torch.no_grad():
        for name, tensor in wanted.items():
            tensor.copy_(tensors[name])


def check_tensors_fit(model: nn.Module, tensors: Mapping[str, Tensor], where: str) -> None:
    """Refuse tensors of other names or shapes than a model's, which may be on the meta device.

    Raises:
        CheckpointError: Names the missing, unexpected and mis-shaped tensors.
    """
    wanted = unique_tensors(model)
    missing = sorted(wanted.keys() - tensors.keys())
    unexpected = sorted(tensors.keys() - model.state_dict().keys())
    misshaped = [
        f"{name} {tuple(tensors[name].shape)} instead of {tuple(tensor.shape)}"
        for name, tensor in wanted.items()
        if name in tensors and tensors[name].shape != tensor.shape
    ]
    problems = [
        f"{len(names)} {kind} ({_first(names)})"
        for kind, names in (
            ("missing", missing),
            ("unexpected", unexpected),
            ("mis-shaped", misshaped),
        )
        if names
    ]
    if problems:
        raise CheckpointError(f"{where}: tensors do not fit this model: {'; '.join(problems)}")


def _first(names: list[str]) -> str:
    """Some of them: whoever made a file may have called its tensors anything."""
    shown = ", ".join(name[:LONGEST_NAME] for name in names[:3])
    return f"{shown}, ..." if len(names) > 3 else shown


def unique_tensors(model: nn.Module) -> dict[str, Tensor]:
    """The state of a model with shared tensors (a head used by all layers) listed once."""
    seen: set[tuple[int, int, int]] = set()
    unique = {}
    for name, tensor in model.state_dict().items():
        # Of the storage, not its address: on the meta device all addresses are 0.
        storage = tensor.untyped_storage()._cdata  # noqa: SLF001 - what torch itself compares
        identity = (storage, tensor.storage_offset(), tensor.numel())
        if tensor.numel() == 0 or identity not in seen:
            seen.add(identity)
            unique[name] = tensor
    return unique
