"""Detect and track objects in video with transformers, end to end."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trackformer.checkpoints.load import load_model
    from trackformer.checkpoints.model_files import save_model
    from trackformer.errors import CheckpointError, ConfigError, DataError, TrackFormerError
    from trackformer.models.build import build_model
    from trackformer.models.fast.optimize import optimize_for_inference
    from trackformer.models.settings import ModelSettings
    from trackformer.models.trackformer import TrackFormer
    from trackformer.objects import Detections, TrackedObjects
    from trackformer.tracking.object_detector import ObjectDetector
    from trackformer.tracking.settings import DetectSettings, TrackerSettings
    from trackformer.tracking.tracker import Tracker
    from trackformer.tracking.videos.run import track_video
    from trackformer.tracking.videos.streams import track_streams
    from trackformer.types import Images, ModelOutput, TrackQueries

    __version__: str

__all__ = [
    "CheckpointError",
    "ConfigError",
    "DataError",
    "DetectSettings",
    "Detections",
    "Images",
    "ModelOutput",
    "ModelSettings",
    "ObjectDetector",
    "TrackFormer",
    "TrackFormerError",
    "TrackQueries",
    "TrackedObjects",
    "Tracker",
    "TrackerSettings",
    "__version__",
    "build_model",
    "load_model",
    "optimize_for_inference",
    "save_model",
    "track_streams",
    "track_video",
]

_HOME = {
    "CheckpointError": "trackformer.errors",
    "ConfigError": "trackformer.errors",
    "DataError": "trackformer.errors",
    "DetectSettings": "trackformer.tracking.settings",
    "Detections": "trackformer.objects",
    "Images": "trackformer.types",
    "ModelOutput": "trackformer.types",
    "ModelSettings": "trackformer.models.settings",
    "ObjectDetector": "trackformer.tracking.object_detector",
    "TrackFormer": "trackformer.models.trackformer",
    "TrackFormerError": "trackformer.errors",
    "TrackQueries": "trackformer.types",
    "TrackedObjects": "trackformer.objects",
    "Tracker": "trackformer.tracking.tracker",
    "TrackerSettings": "trackformer.tracking.settings",
    "build_model": "trackformer.models.build",
    "load_model": "trackformer.checkpoints.load",
    "optimize_for_inference": "trackformer.models.fast.optimize",
    "save_model": "trackformer.checkpoints.model_files",
    "track_streams": "trackformer.tracking.videos.streams",
    "track_video": "trackformer.tracking.videos.run",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used: torch takes seconds, `--help` must not."""
    if name == "__version__":
        from importlib.metadata import version

        return version("trackformer")
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    """Let editors and notebooks complete the public names."""
    return sorted({*globals(), *__all__})
