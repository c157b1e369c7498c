"""A tiny model on disk and tiny videos; one thread per test process.

Tiny models are slower on many threads, and test processes share the cores.
"""

from __future__ import annotations

import os
import signal

# Before torch is imported: its threads would wait for each other by spinning.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from commands import Run
from tiny_models import tiny_model
from trackformer import cli
from trackformer.checkpoints.model_files import save_model
from trackformer.models.trackformer import TrackFormer

torch.set_num_threads(1)
if not torch.cuda.is_available():
    # Triton imitates a GPU where there is none; it looks at this when it is first imported.
    os.environ.setdefault("TRITON_INTERPRET", "1")
# A shell starts background jobs with Ctrl-C ignored, and so would be the programs that tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)

EAGER_TRACKER = {"birth_score": 0.05, "keep_score": 0.05, "reid_score": 0.05}
"""Thresholds at which also random weights find and keep something."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests come first: at the end no process works on one of them alone."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session")
def eager_model() -> TrackFormer:
    model = tiny_model()
    model.settings = model.settings.model_copy(update={"tracker": EAGER_TRACKER})
    return model


@pytest.fixture(scope="session")
def model_file(eager_model: TrackFormer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_model(eager_model, path)
    return path


@pytest.fixture
def make_clip(tmp_path: Path) -> Callable[..., Path]:
    """Writes an mp4 of noise at 10 frames a second, whose index comes first."""

    def make(num_frames: int = 6, name: str = "clip.mp4") -> Path:
        path = tmp_path / name
        noise = np.random.default_rng(0).integers(0, 255, (num_frames, 48, 64, 3), dtype=np.uint8)
        with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
            stream = container.add_stream("libx264", rate=10)
            stream.height, stream.width, stream.pix_fmt = 48, 64, "yuv420p"
            for pixels in noise:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
            container.mux(stream.encode(None))
        return path

    return make


@pytest.fixture
def cut_clip(make_clip: Callable[..., Path]) -> Path:
    """A clip that declares 40 frames and has about half of them."""
    path = make_clip(num_frames=40, name="cut.mp4")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    return path


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command; returns exit code, output and error output."""

    def run_command(*arguments: object) -> tuple[int, str, str]:
        code = cli.run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run_command
