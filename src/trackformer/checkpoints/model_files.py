"""Our own weight files: safetensors with the model's settings inside."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import safetensors
import safetensors.torch

from trackformer.atomic_files import atomic_path
from trackformer.checkpoints.fitting_build import build_fitting
from trackformer.checkpoints.stored_settings import stored_settings
from trackformer.checkpoints.tensors import load_tensors, unique_tensors
from trackformer.errors import CheckpointError
from trackformer.models.build import build_for_weights
from trackformer.models.frame_model import FrameModel
from trackformer.models.trackformer import TrackFormer

FORMAT = "trackformer-1"


def save_model(model: FrameModel, path: Path, notes: Mapping[str, str] | None = None) -> None:
    """Write weights and settings to one safetensors file, atomically.

    Args:
        model: Any TrackFormer.
        path: Ends in `.safetensors`.
        notes: More strings to keep in the file's header (recipe, scores, tracker settings).

    Raises:
        CheckpointError: The model is one that `optimize_for_inference` made, or an exported one.
    """
    if not isinstance(model, TrackFormer) or model.is_for_inference:
        raise CheckpointError(
            f"{path}: expected a model that can be trained, got one for inference only; "
            "save the model it was made from"
        )
    metadata = {
        **(notes or {}),
        "format": FORMAT,
        "settings": model.settings.model_dump_json(),
    }
    tensors = {name: tensor.contiguous() for name, tensor in unique_tensors(model).items()}
    with atomic_path(path) as partial:
        # Not save_file, whose files only their owner may read.
        partial.write_bytes(safetensors.torch.save(tensors, metadata=metadata))


def load_file(path: Path) -> tuple[TrackFormer, dict[str, str]]:
    """Read a file written by `save_model`: the model in evaluation mode, and its notes.

    Raises:
        CheckpointError: The file is missing, damaged, of another format, or its tensors do not
            fit the settings stored beside them.
    """
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = dict(file.metadata() or {})
        tensors = safetensors.torch.load_file(path)
    except FileNotFoundError as error:
        raise CheckpointError(f"{path}: no such file of weights") from error
    except (OSError, safetensors.SafetensorError) as error:
        raise CheckpointError(f"{path}: expected a safetensors file: {error}") from error
    settings = stored_settings(path, metadata, FORMAT, "weights saved by trackformer")
    model = build_fitting(settings, tensors, str(path), build_for_weights)
    load_tensors(model, tensors, str(path))
    return model.eval(), metadata


def read_notes(path: Path) -> dict[str, str]:
    """What a file that loads says beside its weights and settings: how they were trained."""
    with safetensors.safe_open(path, framework="pt") as file:
        metadata = dict(file.metadata() or {})
    return {key: text for key, text in metadata.items() if key not in ("format", "settings")}
