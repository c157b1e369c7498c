"""One call for every kind of weights."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import torch

from trackformer.checkpoints.hugging_face import load_hugging_face
from trackformer.checkpoints.model_files import load_file
from trackformer.errors import CheckpointError
from trackformer.models.trackformer import TrackFormer


def load_model(name_or_path: str | Path, device: torch.device | str = "cpu") -> TrackFormer:
    """Load a model, ready to track.

    Args:
        name_or_path: A bundled name (`bundled_models()`), a file saved by this library, or a
            folder saved by transformers.
        device: Where to put it.

    Returns:
        The model in evaluation mode.

    Raises:
        CheckpointError: There is no such name or file, or it cannot be used.
    """
    path = Path(name_or_path)
    if path.is_dir():
        model = load_hugging_face(path)
    elif path.suffix == ".safetensors":
        model, _ = load_file(path)
    elif str(name_or_path) in bundled_models():
        with resources.as_file(_weights() / f"{name_or_path}.safetensors") as file:
            model, _ = load_file(file)
    else:
        raise CheckpointError(
            f"{name_or_path}: expected a .safetensors file, a Hugging Face folder, or one of the "
            f"bundled models ({', '.join(bundled_models()) or 'none'})"
        )
    return model.to(device)


def bundled_models() -> tuple[str, ...]:
    """Names of the models that come with the library."""
    return tuple(
        sorted(
            file.name.removesuffix(".safetensors")
            for file in _weights().iterdir()
            if file.name.endswith(".safetensors")
        )
    )


def _weights() -> resources.abc.Traversable:
    return resources.files("trackformer.weights")
