"""The page in web/, in a real browser: the ids that Python finds."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from itertools import islice
from pathlib import Path

import pytest

from trackformer.demo_clip import clip_file
from trackformer.tracking.tracker_file import TrackerFile
from trackformer.video.sources import open_source

WEB = Path(__file__).parents[2] / "web"
FRAMES = 40


@pytest.fixture
def browser() -> str:
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None or shutil.which("node") is None:
        pytest.skip("needs Chromium and Node")
    if not (WEB / "node_modules/onnxruntime-web").is_dir():
        pytest.skip("needs `npm install` in web/")
    return path


@pytest.mark.slow
def test_it_finds_the_ids_that_python_finds(
    browser: str,
    tracker_file: Path,
    monkeypatch,
    tmp_path: Path,
):
    dist = tmp_path / "dist"
    built = [sys.executable, WEB / "build.py", "--tracker", tracker_file, "--output", dist]
    subprocess.run(built, check=True, capture_output=True)
    monkeypatch.syspath_prepend(WEB)
    import serve

    server = serve.server(dist, port=0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/"
    script = ["node", WEB / "look.mjs", address, browser, str(FRAMES)]
    try:
        ended = subprocess.run(script, capture_output=True, text=True, check=False, timeout=600)
    finally:
        server.shutdown()
        server.server_close()
    assert (ended.returncode, ended.stderr) == (0, "")
    seen = json.loads(ended.stdout)
    assert seen["problems"] == []  # nothing fails, and nothing is asked of other servers
    tracker = TrackerFile(tracker_file)
    with clip_file() as clip, open_source(clip) as source:
        expected = [tracker.update(frame.pixels) for frame in islice(source, FRAMES)]
    assert seen["ids"] == [each.track_ids.tolist() for each in expected]
