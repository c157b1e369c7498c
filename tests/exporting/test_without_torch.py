"""The loop of docs/deploy.md: numpy, OpenCV and onnxruntime find the same identities."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from exporting.conftest import NUM_FRAMES
from trackformer.demo_clip import clip_file

PAGE = Path(__file__).parents[2] / "docs/deploy.md"
FIRST_FRAMES = f"""
import cv2, itertools, sys
class Capture(cv2.VideoCapture):
    left = {NUM_FRAMES}
    def read(self):
        self.left -= 1
        return super().read() if self.left >= 0 else (False, None)
cv2.VideoCapture = Capture
"""
NO_TORCH = """
assert not {"torch", "trackformer"} & set(sys.modules)
"""


@pytest.fixture
def loop() -> str:
    (code,) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), flags=re.DOTALL | re.MULTILINE)
    return code


def test_the_loop_of_the_page_tracks_without_torch(
    loop: str, nano_file: Path, expected, tmp_path: Path
):
    script = tmp_path / "loop.py"
    script.write_text(FIRST_FRAMES + loop + NO_TORCH)
    with clip_file() as video:
        command = [sys.executable, "-W", "error", str(script), str(nano_file), str(video)]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    rows = np.array([line.split(",") for line in ended.stdout.splitlines()], dtype=float)
    for number, objects in enumerate(expected, start=1):
        own = rows[rows[:, 0] == number]
        assert own[:, 1].tolist() == objects.track_ids.tolist()
        # MOTChallenge counts pixels from 1; another program decodes the video a little otherwise.
        corners = own[:, 2:4] - 1
        np.testing.assert_allclose(corners, objects.boxes_xyxy[:, :2].numpy(), atol=0.5)
