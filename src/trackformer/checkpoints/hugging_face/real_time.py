"""Hugging Face folders of real-time detectors (config.json and weights) as our models."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from trackformer.checkpoints.coco_classes import COCO_CLASSES
from trackformer.checkpoints.fitting_build import build_fitting
from trackformer.checkpoints.hugging_face.files import read_config, read_tensors
from trackformer.checkpoints.hugging_face.image_processor import stored_input
from trackformer.checkpoints.problems import one_line
from trackformer.checkpoints.tensors import load_tensors
from trackformer.errors import CheckpointError, ConfigError
from trackformer.input_settings import InputSettings
from trackformer.models.parts.frozen_batch_norm import fold_batch_norms
from trackformer.models.settings import HuggingFaceSettings, ModelSettings
from trackformer.models.trackformer import TrackFormer

MODEL_TYPES = ("rt_detr", "rt_detr_v2", "d_fine", "deimv2")
# Names in published files that transformers 5 changed in its models; it maps them back on saving.
RENAMED = (
    (r"\bout_proj\b", "o_proj"),
    (r"\bencoder\.encoder\.(\d+)\.layers\b", r"encoder.aifi.\1.layers"),
)
WITHOUT_PROCESSOR = InputSettings(area=640 * 640, multiple_of=32, mean=(0, 0, 0), std=(1, 1, 1))
"""The published number of pixels, in the frame's aspect ratio."""
FEEDFORWARD_NAMES = {"d_fine": ("mlp.layers.0", "mlp.layers.1")}


def load_hugging_face(folder: Path) -> TrackFormer:
    """A detector saved by transformers, ready to be fine-tuned as a tracker, in evaluation mode.

    Weights are read from `model.safetensors`, or from `state.pt` / `pytorch_model.bin` without
    executing code. BatchNorm is folded into the convolutions.

    Raises:
        CheckpointError: A file is missing or damaged, the model type is another one, or the
            tensors do not fit the configuration.
    """
    config = _real_time_config(folder / "config.json")
    tensors = read_tensors(folder)
    network = {
        _current_name(name.removeprefix("model."), config["model_type"]): tensor
        for name, tensor in tensors.items()
        if name.startswith("model.") and not name.endswith("num_batches_tracked")
    }
    # Our groups for training are built outside; the library's embedding for its own is not used.
    network.pop("denoising_class_embed.weight", None)
    size = stored_input(folder, "real_time") or WITHOUT_PROCESSOR
    try:
        settings = _settings_of(config, network, size)
    except (ConfigError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{folder / 'config.json'}: {one_line(error)}") from error
    unfolded = settings.detector.model_copy(update={"batch_norm": "frozen"})
    model = build_fitting(
        settings.model_copy(update={"detector": unfolded}),
        network,
        str(folder),
        weights_of=_network_of,
    )
    load_tensors(_network_of(model), network, str(folder))
    fold_batch_norms(model.detector.network)  # type: ignore[arg-type]
    model.settings = settings
    return model.eval()


def _network_of(model: TrackFormer) -> nn.Module:
    return model.detector.network  # type: ignore[return-value]


def _current_name(name: str, model_type: str) -> str:
    """The name of a published tensor in the installed library's model."""
    if model_type == "deimv2":  # younger than the changes
        return name
    for old, new in RENAMED:
        name = re.sub(old, new, name)
    for number, new in enumerate(
        FEEDFORWARD_NAMES.get(model_type, ("mlp.fc1", "mlp.fc2")), start=1
    ):
        name = re.sub(rf"(layers\.\d+)\.fc{number}\b", rf"\1.{new}", name)
    return name


def _settings_of(
    config: dict[str, Any], network: dict[str, Tensor], size: InputSettings
) -> ModelSettings:
    if "enc_score_head.bias" not in network:
        raise ValueError("no tensor model.enc_score_head.bias beside it; expected a detector")
    has_projection = any(name.startswith("enc_output.") for name in network)
    own = {
        key: value
        for key, value in config.items()
        if key not in ("id2label", "label2id", "model_type", "num_labels", "transformers_version")
    }
    return ModelSettings(
        detector=HuggingFaceSettings(
            model_type=config["model_type"],
            config=own,
            num_queries=config.get("num_queries", 300),
            encoder_projection=has_projection,
            # DEIMv2's smallest models were trained with SiLU in their heads; transformers has ReLU.
            mlp_activation=None if has_projection else "silu",
            batch_norm="folded",
        ),
        class_names=_class_names(config, len(network["enc_score_head.bias"])),
        input=size,
        carry_projection=True,
    )


def _class_names(config: dict[str, Any], num_classes: int) -> tuple[str, ...]:
    """The label names; the library's placeholders for 80 classes, or none, mean COCO's."""
    labels = config.get("id2label") or {}
    # A configuration that was saved with the library's default number of labels does not say so.
    names = tuple(str(labels[key]) for key in sorted(labels, key=int)) or tuple(
        f"LABEL_{number}" for number in range(num_classes)
    )
    if len(names) == len(COCO_CLASSES) and all(name.startswith("LABEL_") for name in names):
        return COCO_CLASSES
    return names


def _real_time_config(path: Path) -> dict[str, Any]:
    config = read_config(path)
    kind = config.get("model_type")
    if kind not in MODEL_TYPES:
        raise CheckpointError(
            f"{path}: expected a model of type {', '.join(MODEL_TYPES)}, got {kind!r}"
        )
    return config
