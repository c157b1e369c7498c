"""Hugging Face folders of DETR and Deformable DETR as our own modules."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, Field, PositiveInt, model_validator
from torch import Tensor, nn

from trackformer.checkpoints.coco_classes import COCO_CLASSES, coco_names_by_id
from trackformer.checkpoints.fitting_build import build_fitting
from trackformer.checkpoints.hugging_face.files import read_config, read_tensors
from trackformer.checkpoints.hugging_face.image_processor import stored_input
from trackformer.checkpoints.hugging_face.names import (
    from_hugging_face_deformable_detr,
    from_hugging_face_detr,
)
from trackformer.checkpoints.published.settings import resnet_name
from trackformer.checkpoints.tensors import load_tensors
from trackformer.config import Settings, settings_from
from trackformer.errors import CheckpointError, ConfigError
from trackformer.input_settings import InputSettings
from trackformer.models.settings import (
    BackboneSettings,
    DeformableDetrSettings,
    DetrSettings,
    Few,
    Layers,
    ModelSettings,
    Width,
)
from trackformer.models.trackformer import TrackFormer

DETR_MODEL_TYPES = ("detr", "deformable_detr")
CLASS_HEADS = ("class_head.weight", "class_heads.0.weight")
MASK_HEAD = re.compile(r"^(?:mask_head|bbox_attention)\.")


class HuggingFaceConfig(Settings):
    """The part of transformers' configuration that decides a model's outputs."""

    model_config = ConfigDict(extra="ignore")

    model_type: Literal["detr", "deformable_detr"]
    d_model: Width = 256
    encoder_layers: Layers = 6
    decoder_layers: Layers = 6
    encoder_attention_heads: Few = 8
    decoder_attention_heads: Few = 8
    decoder_ffn_dim: PositiveInt | None = None
    num_queries: PositiveInt | None = None
    activation_function: Literal["relu"] = "relu"
    position_embedding_type: Literal["sine", "learned"] = "sine"
    dropout: float = 0.1
    dilation: bool = False
    backbone_config: dict[str, Any] | None = None
    id2label: dict[int, str] = Field(default_factory=dict)
    num_feature_levels: PositiveInt = 4
    encoder_n_points: PositiveInt = 4
    decoder_n_points: PositiveInt = 4
    with_box_refine: bool = False
    two_stage: bool = False
    two_stage_num_proposals: PositiveInt = 300

    @model_validator(mode="after")
    def _our_modules_can_do_it(self) -> HuggingFaceConfig:
        if self.encoder_attention_heads != self.decoder_attention_heads:
            raise ValueError("encoder and decoder must have equally many attention heads")
        if self.encoder_n_points != self.decoder_n_points:
            raise ValueError("encoder and decoder must have equally many sampling points")
        if (self.backbone_config or {}).get("downsample_in_bottleneck"):
            raise ValueError("a backbone with downsample_in_bottleneck is not supported")
        return self

    @property
    def has_dilation(self) -> bool:
        """DC5, which transformers has for backbones of timm only."""
        if self.backbone_config is None:
            return self.dilation
        return self.backbone_config.get("output_stride") == 16


def load_hugging_face_detr(folder: Path) -> TrackFormer:
    """A DETR or Deformable DETR saved by transformers, in evaluation mode.

    A mask head (`DetrForSegmentation`) is left out, with a warning.

    Raises:
        CheckpointError: A file is missing or damaged, the configuration asks for something our
            modules do not have, or the tensors do not fit it.
    """
    try:
        config = settings_from(
            HuggingFaceConfig, read_config(folder / "config.json"), str(folder / "config.json")
        )
        tensors = _renamed(read_tensors(folder), config, folder)
        settings = _settings_of(config, tensors, folder)
    except ConfigError as error:
        raise CheckpointError(str(error)) from error
    model = build_fitting(settings, tensors, str(folder), weights_of=_detector_of)
    load_tensors(model.detector, tensors, str(folder))
    return model.eval()


def _detector_of(model: TrackFormer) -> nn.Module:
    return model.detector


def _renamed(
    stored: Mapping[str, Tensor], config: HuggingFaceConfig, folder: Path
) -> dict[str, Tensor]:
    boxes_only = {name: tensor for name, tensor in stored.items() if not MASK_HEAD.match(name)}
    if len(boxes_only) < len(stored):
        warnings.warn(
            f"{folder}: its mask head is left out: this model predicts boxes only", stacklevel=5
        )
    if config.model_type == "detr":
        return from_hugging_face_detr(boxes_only)
    return from_hugging_face_deformable_detr(
        boxes_only,
        num_heads=config.decoder_layers + config.two_stage if config.with_box_refine else 1,
    )


def _settings_of(
    config: HuggingFaceConfig, tensors: Mapping[str, Tensor], folder: Path
) -> ModelSettings:
    detector = _detr(config) if config.model_type == "detr" else _deformable_detr(config)
    backbone = BackboneSettings(
        name=resnet_name(tensors.keys(), "backbone.", str(folder)), dilation=config.has_dilation
    )
    num_logits = next((len(tensors[name]) for name in CLASS_HEADS if name in tensors), None)
    if num_logits is None:
        raise CheckpointError(f"{folder}: no class head; expected a model for object detection")
    # DETR's last logit is 'no object'.
    num_classes = num_logits - (config.model_type == "detr")
    if num_classes < 1:
        raise CheckpointError(f"{folder}: expected at least one class, got a head of {num_logits}")
    return ModelSettings(
        detector=detector.model_copy(update={"backbone": backbone}),
        class_names=_class_names(config.id2label, num_classes),
        input=stored_input(folder, "detr") or InputSettings(shorter_side=800, longest_side=1333),
    )


def _detr(config: HuggingFaceConfig) -> DetrSettings:
    return DetrSettings(
        embedding_size=config.d_model,
        num_heads=config.decoder_attention_heads,
        num_encoder_layers=config.encoder_layers,
        num_decoder_layers=config.decoder_layers,
        feedforward_size=config.decoder_ffn_dim or 2048,
        dropout=config.dropout,
        num_queries=config.num_queries or 100,
        position_encoding=config.position_embedding_type,
    )


def _deformable_detr(config: HuggingFaceConfig) -> DeformableDetrSettings:
    return DeformableDetrSettings(
        embedding_size=config.d_model,
        num_heads=config.decoder_attention_heads,
        num_encoder_layers=config.encoder_layers,
        num_decoder_layers=config.decoder_layers,
        feedforward_size=config.decoder_ffn_dim or 1024,
        dropout=config.dropout,
        num_queries=config.two_stage_num_proposals
        if config.two_stage
        else config.num_queries or 300,
        num_levels=config.num_feature_levels,
        num_points=config.decoder_n_points,
        position_encoding=config.position_embedding_type,
        box_refinement=config.with_box_refine,
        two_stage=config.two_stage,
    )


def _class_names(labels: Mapping[int, str], num_classes: int) -> tuple[str, ...]:
    """The stored names; where they are missing or placeholders, COCO's if there are as many."""
    names = tuple(labels[index] for index in sorted(labels))
    if len(names) == num_classes and not all(name.startswith("LABEL_") for name in names):
        return names
    known = {len(each): each for each in (COCO_CLASSES, coco_names_by_id())}
    return known.get(num_classes, tuple(f"class {index}" for index in range(num_classes)))
