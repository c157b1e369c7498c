"""What a tracked frame costs in onnxruntime, beside the optimised model in PyTorch.

Run: `OMP_NUM_THREADS=1 python -m benchmarks.exported [MODEL ...]`; bundled names or files of
weights (default: nano small). Exports each model, then tracks the bundled clip with the weights,
the file of one frame and the whole tracker in one file, frame by frame in turn; milliseconds of
processor time of one thread, medians, reading not included. About two minutes for each model.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import torch

from trackformer import Tracker, TrackFormer, optimize_for_inference
from trackformer.checkpoints.load import load_weights
from trackformer.checkpoints.onnx_model import OnnxModel
from trackformer.demo_clip import clip_file
from trackformer.exporting.onnx_file import export_onnx
from trackformer.exporting.tracker_file import tracker_content
from trackformer.freed_memory import keep_freed_memory
from trackformer.tracking.tracker_file import TrackerFile
from trackformer.video.sources import open_source

CLIP_FRAMES, WARM_UP = 60, 5


@dataclass(frozen=True, slots=True)
class Row:
    """One model."""

    model: str
    pytorch_ms: float
    onnx_ms: float
    tracker_ms: float
    """The whole tracker in one file."""
    ratio: float
    """Median over the frames of PyTorch's time by onnxruntime's."""
    export_seconds: float
    difference: float
    """What `trackformer export` reports."""


def measure(models: tuple[str, ...] = ("nano", "small")) -> list[Row]:
    """All rows."""
    torch.set_num_threads(1)
    keep_freed_memory()  # as the programs do
    return [_row(name) for name in models]


def _row(name: str) -> Row:
    weights = load_weights(name)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.onnx")
        start = time.process_time()
        difference = export_onnx(weights, path)
        export_seconds = time.process_time() - start
        trackers = _trackers(weights, path)
    times = [_times(trackers, pixels) for pixels in _frames()][WARM_UP:]
    ours, theirs, file = (1000 * statistics.median(column) for column in zip(*times, strict=True))
    ratio = statistics.median(ours / theirs for ours, theirs, _ in times)
    return Row(name, ours, theirs, file, ratio, export_seconds, difference)


def _trackers(weights: TrackFormer, path: Path) -> tuple[Tracker, Tracker, TrackerFile]:
    """Those that are compared; `path` is the exported frame."""
    file = path.with_name("tracker.onnx")
    file.write_bytes(tracker_content(path.read_bytes(), weights, slots=100))
    ours = Tracker(optimize_for_inference(weights))
    return ours, Tracker(OnnxModel(path)), TrackerFile(file)


def _times(
    trackers: tuple[Tracker, Tracker, TrackerFile], pixels: object
) -> tuple[float, float, float]:
    taken = []
    for tracker in trackers:
        start = time.process_time()
        tracker.update(pixels)  # type: ignore[arg-type]
        taken.append(time.process_time() - start)
    return taken[0], taken[1], taken[2]


def _frames() -> list[object]:
    with clip_file() as path, open_source(path) as source:
        return [frame.pixels for frame in islice(source, CLIP_FRAMES)]


if __name__ == "__main__":
    for row in measure(tuple(sys.argv[1:]) or ("nano", "small")):
        print(
            f"{row.model:12} PyTorch {row.pytorch_ms:6.1f} ms  onnxruntime {row.onnx_ms:6.1f} ms  "
            f"{row.ratio:.2f} times as fast  tracker file {row.tracker_ms:6.1f} ms  "
            f"(exported in {row.export_seconds:.0f} s, difference {row.difference:.0e})"
        )
