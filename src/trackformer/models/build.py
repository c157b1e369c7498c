"""Settings to model."""

from __future__ import annotations

from trackformer.models.detector import Detector
from trackformer.models.settings import (
    DeformableDetrSettings,
    DetectorSettings,
    DetrSettings,
    HuggingFaceSettings,
    ModelSettings,
)
from trackformer.models.trackformer import TrackFormer


def build_model(settings: ModelSettings) -> TrackFormer:
    """A randomly initialised model, in training mode, on the CPU."""
    return TrackFormer(_build_detector(settings.detector, len(settings.class_names)), settings)


def _build_detector(settings: DetectorSettings, num_classes: int) -> Detector:
    # Imported here: transformers and torchvision take a second each, and only one is needed.
    match settings:
        case DetrSettings():
            from trackformer.models.detr import Detr

            return Detr(settings, num_classes)
        case DeformableDetrSettings():
            from trackformer.models.deformable_detr import DeformableDetr

            return DeformableDetr(settings, num_classes)
        case HuggingFaceSettings():
            from trackformer.models.hugging_face import HuggingFaceDetector

            return HuggingFaceDetector(settings, num_classes)
