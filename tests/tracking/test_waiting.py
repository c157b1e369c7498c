"""On a GPU the host waits once a frame: for the answers, on which it then decides by itself."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from trackformer.types import NO_OBJECT, PADDING

pytestmark = pytest.mark.slow
ONE_TRANSFER = ["aten._to_copy.default pretended to cpu"]
NAMES = ("detr", "deformable_detr", "two_frames", "nano")


@pytest.mark.parametrize("name", NAMES)
def test_a_frame_waits_for_its_device_once(on_a_pretended_device, name: str):
    found = on_a_pretended_device[name]
    assert found["tracking"] == 5 * [ONE_TRANSFER]
    assert found["detecting"] == ONE_TRANSFER
    assert found["together"] == ONE_TRANSFER
    assert found["same_ids"]
    # Recorded from the second frame on: nothing in the calls needs the processor.
    assert found["replaying"] == 5 * [ONE_TRANSFER]
    assert found["num_replayed"] >= 8
    assert found["same_ids_replayed"]


def test_targets_are_assigned_in_one_transfer_for_all_images_and_layers(on_a_pretended_device):
    found = on_a_pretended_device["matching"]
    assert found["matching"] == ONE_TRANSFER
    assert found["index"] == 3 * [[[NO_OBJECT, 0], [0, PADDING]]]


@pytest.fixture(scope="module")
def on_a_pretended_device() -> dict[str, dict[str, object]]:
    """By model; from one process, as it takes longer to import torch than to count."""
    tests = Path(__file__).parents[1]
    warnings = ["-W", "ignore", "-W", "error::UserWarning:trackformer"]
    answer = subprocess.run(
        [sys.executable, *warnings, "-m", "tracking.waiting", *NAMES],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(tests), *sys.path])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr[-2000:]
    return json.loads(answer.stdout)
