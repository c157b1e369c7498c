import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from trackformer import TrackedObjects, Tracker, TrackFormer
from trackformer.checkpoints.load import load_weights
from trackformer.checkpoints.onnx_model import OnnxModel
from trackformer.demo_clip import clip_file
from trackformer.exporting.tracker_file import tracker_content
from trackformer.video.sources import open_source

NUM_FRAMES = 8
SCRIPT = Path(__file__).with_name("export_variants.py")


@pytest.fixture(scope="session")
def exporter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[subprocess.Popen[str]]:
    """`export_variants.py`, with warnings as errors."""
    with (
        (tmp_path_factory.mktemp("exporter") / "stderr").open("w+") as said,
        subprocess.Popen(
            [sys.executable, "-W", "error", str(SCRIPT)],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
        ) as process,
    ):
        yield process
        process.stdin.close()
        assert process.wait() == 0
        said.seek(0)
        assert said.read() == ""


@pytest.fixture(scope="session")
def exported(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    """A file that the exporter writes, once for all processes of the tests: it takes long."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # Every process has a folder of its own in it.
    folder /= "exported"
    folder.mkdir(exist_ok=True)

    def export(name: str) -> Path:
        path = folder / name
        with FileLock(f"{path}.lock"):
            if not path.exists():
                # Only where it is wanted: this process may find all files made.
                exporter = request.getfixturevalue("exporter")
                print(path, file=exporter.stdin, flush=True)
                assert exporter.stdout.readline() == f"{path}\n", f"{path}: not exported"
        return path

    return export


@pytest.fixture(scope="session")
def nano_file(exported: Callable[[str], Path]) -> Path:
    return exported("nano.onnx")


@pytest.fixture(scope="session")
def tracker_file(
    nano_file: Path, weights: TrackFormer, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The tracker around `nano_file`, with room for 20."""
    path = tmp_path_factory.mktemp("tracker") / "tracker.onnx"
    path.write_bytes(tracker_content(nano_file.read_bytes(), weights, slots=20))
    return path


@pytest.fixture
def nano(nano_file: Path) -> OnnxModel:
    return OnnxModel(nano_file)


@pytest.fixture(scope="session")
def frames() -> list[np.ndarray]:
    """The first of the bundled clip."""
    with clip_file() as path, open_source(path) as source:
        return [frame.pixels for frame in islice(source, NUM_FRAMES)]


@pytest.fixture(scope="session")
def weights() -> TrackFormer:
    return load_weights("nano")


@pytest.fixture(scope="session")
def expected(weights: TrackFormer, frames: list[np.ndarray]) -> list[TrackedObjects]:
    """What the weights find in these frames."""
    tracker = Tracker(weights)
    return [tracker.update(frame) for frame in frames]
