"""The loops of docs/deploy.md: numpy, OpenCV and onnxruntime find the same identities."""

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


def loops() -> tuple[str, str]:
    """Around the tracker in one file, and around a file of one frame."""
    code = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), flags=re.DOTALL | re.MULTILINE)
    tracker, frame = code
    return tracker, frame


def test_around_the_tracker_the_loop_is_short():
    assert len(loops()[0].split("VideoCapture")[1].splitlines()) < 20


@pytest.mark.parametrize("which", [0, 1])
def test_the_loops_of_the_page_track_without_torch(
    which: int, tracker_file: Path, nano_file: Path, expected, tmp_path: Path
):
    script = tmp_path / "loop.py"
    script.write_text(FIRST_FRAMES + loops()[which] + NO_TORCH)
    model = (tracker_file, nano_file)[which]
    with clip_file() as video:
        command = [sys.executable, "-W", "error", str(script), str(model), str(video)]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    rows = np.array([line.split(",") for line in ended.stdout.splitlines()], dtype=float)
    for number, objects in enumerate(expected, start=1):
        own = rows[rows[:, 0] == number]
        assert own[:, 1].tolist() == objects.track_ids.tolist()
        # MOTChallenge counts pixels from 1; another program decodes the video a little otherwise.
        corners = own[:, 2:4] - 1
        np.testing.assert_allclose(corners, objects.boxes_xyxy[:, :2].numpy(), atol=0.5)
