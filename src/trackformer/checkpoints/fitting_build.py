"""A model is built for a file only if the file's tensors are its own, name by name, size by size.

Settings come with weights, from anywhere; they must not decide how much memory is taken.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn.modules import module as registration

from trackformer.checkpoints.problems import one_line
from trackformer.checkpoints.tensors import check_tensors_fit
from trackformer.errors import CheckpointError
from trackformer.models.build import build_model
from trackformer.models.settings import ModelSettings
from trackformer.models.trackformer import TrackFormer

SPARE_PARTS: Final = 2000
"""Modules and tensors that a model has without any in its file: activations, constants."""
SPARE_NUMBERS: Final = 10**7
PARTS_PER_TENSOR: Final = 20
"""No model comes near: two or three modules hold a weight and a bias."""
TIMES_THE_FILE: Final = 4
"""Parts are made and replaced while a model is built, such as norms that are frozen."""


def build_fitting(
    settings: ModelSettings,
    tensors: Mapping[str, Tensor],
    where: str,
    build: Callable[[ModelSettings], TrackFormer] = build_model,
    weights_of: Callable[[TrackFormer], nn.Module] = lambda model: model,
) -> TrackFormer:
    """The model of these settings, randomly initialised.

    Args:
        settings: As they came with the tensors.
        tensors: What the file holds, under the names of our parameters.
        where: Begins the message of an error.
        build: Makes a model of settings.
        weights_of: Which part of the model they are the weights of.

    Raises:
        CheckpointError: There is no such model, or the tensors are not its own. Found out on the
            meta device, before anything is allocated.
    """
    try:
        with torch.device("meta"), _no_larger_than(tensors), warnings.catch_warnings():
            # Sizes of 0 are only warned of; the file's tensors have others.
            warnings.simplefilter("ignore")
            outline = build(settings)
    except Exception as error:
        # Any kind: sizes that do not go together fail inside torch, torchvision or transformers.
        raise CheckpointError(
            f"{where}: no model can be built from its settings: {one_line(error)}"
        ) from error
    check_tensors_fit(weights_of(outline), tensors, where)
    return build(settings)


@dataclass(slots=True)
class _Counts:
    """What has been made so far, and what may be made at most."""

    most_parts: int
    most_numbers: int
    parts: int = 0
    numbers: int = 0

    def add(self, numbers: int) -> None:
        self.parts += 1
        self.numbers += numbers
        if self.parts > self.most_parts or self.numbers > self.most_numbers:
            raise CheckpointError("they ask for a far larger one than the file's tensors fill")


@contextmanager
def _no_larger_than(tensors: Mapping[str, Tensor]) -> Iterator[None]:
    """Stop building in this thread as soon as there is far more than the tensors can fill."""
    counts = _Counts(
        most_parts=SPARE_PARTS + PARTS_PER_TENSOR * len(tensors),
        most_numbers=SPARE_NUMBERS
        + TIMES_THE_FILE * sum(tensor.numel() for tensor in tensors.values()),
    )
    thread = threading.get_ident()

    def count(_module: nn.Module, _name: str, part: nn.Module | Tensor | None) -> None:
        # Registered for all threads, which may build models of their own meanwhile.
        if threading.get_ident() == thread and part is not None:
            counts.add(part.numel() if isinstance(part, Tensor) else 0)

    hooks = [
        registration.register_module_parameter_registration_hook(count),
        registration.register_module_buffer_registration_hook(count),
        registration.register_module_module_registration_hook(count),
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
