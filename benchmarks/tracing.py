"""What a trace costs: the same frames tracked with and without, in turns.

Run: `python -m benchmarks.tracing`. The median ratio of processor times of a frame, one thread.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from trackformer import load_model, optimize_for_inference
from trackformer.demo_clip import clip_file
from trackformer.freed_memory import keep_freed_memory
from trackformer.tracking.tracing.reading import TRACE_NAME
from trackformer.tracking.tracing.records import RunNames, TraceHeader
from trackformer.tracking.tracing.writing import Trace
from trackformer.tracking.tracker import Tracker
from trackformer.video.sources import open_source

FRAMES, WARM_UP = 60, 10


@dataclass(frozen=True, slots=True)
class Row:
    """One measured figure."""

    what: str
    ratio: float
    """Median over frames of the time with, divided by the time without."""


def measure() -> list[Row]:
    """All rows; ten seconds."""
    torch.set_num_threads(1)
    keep_freed_memory()
    plain = load_model("nano")
    last, every = (optimize_for_inference(plain, every_layer=every) for every in (False, True))
    header = TraceHeader(RunNames(), {}, ("person",), every.embedding_size, None)
    with (
        clip_file() as path,
        open_source(path) as source,
        tempfile.TemporaryDirectory() as folder,
        Trace(Path(folder) / TRACE_NAME, header) as trace,
    ):
        untraced, again, traced = Tracker(last), Tracker(last), Tracker(every, trace=trace)
        times = np.array(
            [
                [_seconds(tracker, frame.pixels) for tracker in (untraced, again, traced)]
                for frame, _ in zip(source, range(FRAMES), strict=False)
            ]
        )
    ratios = times[WARM_UP:] / times[WARM_UP:, :1]
    return [
        Row("without a trace, again", statistics.median(ratios[:, 1])),
        Row("with a trace", statistics.median(ratios[:, 2])),
    ]


def _seconds(tracker: Tracker, pixels: np.ndarray) -> float:
    start = time.process_time()
    tracker.update(pixels)
    return time.process_time() - start


if __name__ == "__main__":
    for row in measure():
        print(f"{row.what}: {row.ratio:.2f}")
