"""One call for every kind of weights."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import torch

from trackformer.checkpoints.hugging_face.detr import DETR_MODEL_TYPES, load_hugging_face_detr
from trackformer.checkpoints.hugging_face.files import read_config
from trackformer.checkpoints.hugging_face.real_time import MODEL_TYPES, load_hugging_face
from trackformer.checkpoints.model_files import load_file
from trackformer.checkpoints.onnx_model import ENDING, OnnxModel
from trackformer.checkpoints.published.by_name import COCO, published_weights
from trackformer.checkpoints.published.files import load_published
from trackformer.errors import CheckpointError
from trackformer.models.trackformer import TrackFormer


def load_model(
    name_or_path: str | Path, device: torch.device | str = "cpu"
) -> TrackFormer | OnnxModel:
    """Load a model, ready to track.

    Args:
        name_or_path: A bundled name (`bundled_models()`), a file saved by this library, a file
            of the published DETR, Deformable DETR or TrackFormer code, a folder saved by
            transformers, an ONNX file that `trackformer export` wrote, or the name of published
            weights in your own folder (docs/checkpoints.md).
        device: Where to put it.

    Returns:
        The model in evaluation mode. Of an ONNX file one that tracks and detects only.

    Raises:
        CheckpointError: There is no such name or file, or it cannot be used.
        ConfigError: An ONNX file, but no onnxruntime, or one that does not know the device.
    """
    if is_exported(name_or_path):
        return OnnxModel(Path(name_or_path), device)
    return load_weights(name_or_path, device)


def is_exported(name_or_path: str | Path) -> bool:
    """Whether a name is that of an ONNX file."""
    return Path(name_or_path).suffix.lower() == ENDING


def load_weights(name_or_path: str | Path, device: torch.device | str = "cpu") -> TrackFormer:
    """`load_model` for what exported models cannot do: be trained, tuned, converted, exported.

    Raises:
        CheckpointError: There is no such name or file, or it holds no weights we know.
    """
    path = Path(name_or_path)
    if is_exported(path):
        raise CheckpointError(
            f"{path}: expected weights, got an exported model, which can only track and detect"
        )
    if path.is_dir():
        model = _load_folder(path)
    elif path.suffix == ".safetensors":
        model, _ = load_file(path)
    elif str(name_or_path) in bundled_models():
        with resources.as_file(_weights() / f"{name_or_path}.safetensors") as file:
            model, _ = load_file(file)
    elif path.is_file():
        model = load_published(path)
    else:
        model = _load_named(str(name_or_path))
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


def _load_named(name: str) -> TrackFormer:
    path = published_weights(name)
    if path is None:
        raise CheckpointError(
            f"{name}: expected a .safetensors file, a published .pth file, a Hugging Face "
            f"folder, one of the bundled models ({', '.join(bundled_models()) or 'none'}), or one "
            f"of the published ones in a folder of your own ({', '.join(COCO)})"
        )
    return _load_folder(path) if path.is_dir() else load_published(path)


def _load_folder(folder: Path) -> TrackFormer:
    config = folder / "config.json"
    kind = read_config(config).get("model_type")
    if kind in DETR_MODEL_TYPES:
        return load_hugging_face_detr(folder)
    if kind in MODEL_TYPES:
        return load_hugging_face(folder)
    known = ", ".join((*DETR_MODEL_TYPES, *MODEL_TYPES))
    raise CheckpointError(f"{config}: expected a model of type {known}, got {kind!r}")


def _weights() -> resources.abc.Traversable:
    return resources.files("trackformer.weights")
