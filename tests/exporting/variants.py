"""Tiny models of every architecture that can be exported, with weights that rounding spares."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from models.conftest import SIZES
from tiny_models import tiny_settings
from trackformer.input_settings import InputSettings
from trackformer.models.build import build_model
from trackformer.models.settings import DeformableDetrSettings, DetrSettings, ModelSettings
from trackformer.models.trackformer import TrackFormer

GAIN = 1.3
"""Of convolutions: with it, what one cell sees is still there in the last layer."""


def tiny_detr() -> TrackFormer:
    return _own(DetrSettings(**SIZES | {"num_decoder_layers": 1}))


def tiny_deformable_detr() -> TrackFormer:
    return _own(DeformableDetrSettings(**SIZES, num_levels=1))


def tiny_two_frames() -> TrackFormer:
    """Deformable DETR with all that may be built into it."""
    return _own(
        DeformableDetrSettings(
            **SIZES | {"embedding_size": 24},
            num_levels=2,
            box_refinement=True,
            two_stage=True,
            multi_frame="separate_encoder",
            position_encoding="sine_time",
            merge_features=True,
        )
    )


def tiny_hugging_face(model_type: str) -> TrackFormer:
    return _lively(tiny_settings(model_type))


VARIANTS: dict[str, Callable[[], TrackFormer]] = {
    "detr": tiny_detr,
    "two_frames": tiny_two_frames,
    "rt_detr_v2": lambda: tiny_hugging_face("rt_detr_v2"),
    "d_fine": lambda: tiny_hugging_face("d_fine"),
}
"""DEIMv2 is what the bundled models are; RT-DETR is RT-DETRv2 (`test_architectures.py`)."""


def _own(detector: DetrSettings | DeformableDetrSettings) -> TrackFormer:
    return _lively(
        ModelSettings(
            detector=detector,
            class_names=("person", "dog"),
            input=InputSettings(shorter_side=64),
            tracker={"birth_score": 0.2},
        )
    )


def _lively(settings: ModelSettings) -> TrackFormer:
    """Random weights that neither amplify rounding nor make all queries alike."""
    torch.manual_seed(0)
    model = build_model(settings).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                gain = GAIN if parameter.ndim == 4 else 1.0
                nn.init.normal_(parameter, std=gain * parameter[0].numel() ** -0.5)
            else:
                parameter.add_(torch.randn_like(parameter), alpha=0.1)
        for module in model.modules():
            if type(module).__name__ == "FrozenBatchNorm2d":
                module.weight.fill_(1.0)
    return model
