"""On a GPU the host waits once a frame: for the answers, on which it then decides by itself."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ONE_TRANSFER = ["aten._to_copy.default pretended to cpu"]


@pytest.mark.parametrize("name", ["detr", "deformable_detr", "two_frames", "nano"])
def test_a_frame_waits_for_its_device_once(name: str):
    tests = Path(__file__).parents[1]
    answer = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tracking.waiting", name],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(tests), *sys.path])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr[-2000:]
    found = json.loads(answer.stdout)
    assert found["tracking"] == 5 * [ONE_TRANSFER]
    assert found["detecting"] == ONE_TRANSFER
    assert found["together"] == ONE_TRANSFER
    assert found["same_ids"]
