"""What a user may import, and that importing costs nothing until a name is used."""

from __future__ import annotations

import subprocess
import sys
import typing

import pytest

import trackformer

DOCUMENTED = {
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
}


def test_the_public_names_are_exactly_the_documented_ones():
    assert set(trackformer.__all__) == DOCUMENTED
    assert len(trackformer.__all__) == len(DOCUMENTED) <= 24


@pytest.mark.parametrize("name", sorted(DOCUMENTED))
def test_every_public_name_can_be_imported(name: str):
    public = getattr(trackformer, name)
    assert name == "__version__" or public.__name__ == name
    assert name in dir(trackformer)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'trackformer' has no attribute 'Trackr'"):
        typing.cast(typing.Any, trackformer).Trackr  # noqa: B018 - the access is what is tested


def test_importing_the_package_imports_nothing_heavy():
    code = "import sys, trackformer; print(*sys.modules)"
    command = [sys.executable, "-c", code]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "numpy", "pydantic", "transformers"} & set(loaded)
