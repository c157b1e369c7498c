"""The bundled clip of pedestrians, its ground truth, and where they come from (SOURCE.txt)."""

from __future__ import annotations

from contextlib import AbstractContextManager
from importlib import resources
from pathlib import Path


def clip_file() -> AbstractContextManager[Path]:
    """The video as a file, which may exist within the block only."""
    return _file("pedestrians.mp4")


def ground_truth_file() -> AbstractContextManager[Path]:
    """Its annotation, in MOTChallenge's format, likewise."""
    return _file("pedestrians_gt.txt")


def _file(name: str) -> AbstractContextManager[Path]:
    return resources.as_file(resources.files(__name__) / name)
