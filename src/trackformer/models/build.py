"""Settings to model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from trackformer.models.detector import Detector
from trackformer.models.settings import (
    DeformableDetrSettings,
    DetrSettings,
    HuggingFaceSettings,
    ModelSettings,
)
from trackformer.models.trackformer import TrackFormer


def build_model(settings: ModelSettings) -> TrackFormer:
    """A randomly initialised model, in training mode, on the CPU."""
    if isinstance(settings.detector, HuggingFaceSettings):
        # Imported here: transformers and torchvision take a second each, and only one is needed.
        from trackformer.models.hugging_face import random_network

        return _real_time(random_network, settings, settings.detector)
    return TrackFormer(_build_detector(settings.detector, len(settings.class_names)), settings)


def build_for_weights(settings: ModelSettings) -> TrackFormer:
    """The same for weights that are loaded afterwards: its own may be anything.

    The bundled models need transformers' package no more than this; it takes as long as torch.
    """
    if isinstance(settings.detector, HuggingFaceSettings):
        from trackformer.models.hugging_face import network_for_weights

        return _real_time(network_for_weights, settings, settings.detector)
    return build_model(settings)


def _real_time(
    network: Callable[[HuggingFaceSettings, int], Any],
    settings: ModelSettings,
    detector: HuggingFaceSettings,
) -> TrackFormer:
    from trackformer.models.hugging_face import HuggingFaceDetector

    built = network(detector, len(settings.class_names))
    return TrackFormer(HuggingFaceDetector(built, detector.num_queries), settings)


def _build_detector(settings: DetrSettings | DeformableDetrSettings, num_classes: int) -> Detector:
    match settings:
        case DetrSettings():
            from trackformer.models.detr import Detr

            return Detr(settings, num_classes)
        case DeformableDetrSettings():
            from trackformer.models.deformable_detr import DeformableDetr

            return DeformableDetr(settings, num_classes)
