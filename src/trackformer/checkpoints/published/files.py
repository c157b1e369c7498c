"""Files of the published DETR, Deformable DETR and TrackFormer code as our models."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from trackformer.checkpoints.fitting_build import build_fitting
from trackformer.checkpoints.published.names import (
    from_published_deformable_detr,
    from_published_detr,
)
from trackformer.checkpoints.published.settings import (
    PublishedArguments,
    PublishedWeights,
    settings_of,
    trained_by_trackformer,
)
from trackformer.checkpoints.safe_pickle import check_plain_tensors, read_pickle, read_yaml
from trackformer.checkpoints.tensors import load_tensors
from trackformer.config import settings_from
from trackformer.errors import CheckpointError, ConfigError
from trackformer.models.settings import DetrSettings, ModelSettings
from trackformer.models.trackformer import TrackFormer

SETTINGS_FILE = "config.yaml"
"""What TrackFormer's training script writes beside its checkpoints."""
WRAPPERS = re.compile(r"^(?:module\.)?(?:detr\.)?")
"""Prefixes of data-parallel training, and of a detector inside a mask model."""


def load_published(path: Path) -> TrackFormer:
    """A model written by one of the three published training scripts, in evaluation mode.

    Sizes and variants come from the tensors' shapes. What they cannot tell - number of heads,
    dilation, softmax or sigmoid, queries of a two-stage model - comes from the arguments stored in
    the file, or else from a `config.yaml` beside it, or else from the published defaults; a name
    with `dc5` then means dilation.

    Raises:
        CheckpointError: The file cannot be read without executing code, is of no known model, or
            its tensors do not fit.
    """
    weights = _read(path)
    try:
        settings = settings_of(weights)
        tensors = _renamed(weights, settings)
    except (ConfigError, ValueError) as error:
        # ValueError: pydantic's, where a shape gives a size of 0.
        raise CheckpointError(f"{path}: no such model can be built: {error}") from error
    model = build_fitting(settings, tensors, str(path), weights_of=_detector_of)
    load_tensors(model.detector, tensors, str(path))
    return model.eval()


def _detector_of(model: TrackFormer) -> nn.Module:
    return model.detector


def _read(path: Path) -> PublishedWeights:
    content = read_pickle(path)
    tensors = _tensors_in(content, path)
    check_plain_tensors(tensors, path)
    values = _arguments_in(content, path)
    # The authors' own downloads have no arguments, and dilation leaves no trace in shapes.
    by_name = {"dilation": not values and "dc5" in path.name.lower()}
    try:
        arguments = settings_from(PublishedArguments, {**by_name, **values}, str(path))
    except ConfigError as error:
        raise CheckpointError(str(error)) from error
    is_trackformer = trained_by_trackformer(values.keys(), tensors)
    return PublishedWeights(tensors, arguments, is_trackformer, str(path))


def _tensors_in(content: object, path: Path) -> dict[str, Tensor]:
    """The model's tensors without wrappers' prefixes."""
    inner = content
    if isinstance(content, Mapping):
        inner = content.get("model", content.get("state_dict", content))
    if not isinstance(inner, Mapping) or not inner:
        raise CheckpointError(
            f"{path}: expected a mapping with the model's tensors, got {type(inner).__name__}"
        )
    for name, tensor in inner.items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            shown = name if isinstance(name, str) else f"a key of type {type(name).__name__}"
            raise CheckpointError(
                f"{path}: expected only tensors in the model, got {type(tensor).__name__} "
                f"under {shown[:80]!r}"
            )
    return {
        WRAPPERS.sub("", name): tensor
        for name, tensor in inner.items()
        if not name.endswith(".num_batches_tracked")
    }


def _arguments_in(content: object, path: Path) -> dict[str, object]:
    """The training script's arguments: stored in the file, or in `config.yaml` beside it."""
    stored = content.get("args") if isinstance(content, Mapping) else None
    if isinstance(stored, argparse.Namespace):
        return vars(stored)
    if isinstance(stored, Mapping):
        return {str(key): value for key, value in stored.items()}
    beside = path.with_name(SETTINGS_FILE)
    if beside.is_file():
        values = read_yaml(beside)
        # Another program's file of this common name says nothing about the model.
        if isinstance(values, Mapping) and "hidden_dim" in values:
            return {str(key): value for key, value in values.items()}
    return {}


def _renamed(weights: PublishedWeights, settings: ModelSettings) -> dict[str, Tensor]:
    is_detr = isinstance(settings.detector, DetrSettings)
    rename = from_published_detr if is_detr else from_published_deformable_detr
    try:
        return rename(weights.tensors)
    except (IndexError, RuntimeError, ValueError) as error:
        # Packed matrices (attention, queries) are cut, which odd shapes do not allow.
        raise CheckpointError(
            f"{weights.where}: a packed tensor has not its published shape: {error}"
        ) from error
