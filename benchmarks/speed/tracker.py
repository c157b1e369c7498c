"""What a tracked frame costs: the bookkeeping, and a frame by resolution and number of streams.

Run: `python -m benchmarks.speed.tracker`. Milliseconds of the processor, one thread, the best of
several.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from trackformer import load_model, optimize_for_inference
from trackformer.demo_clip import clip_file
from trackformer.freed_memory import keep_freed_memory
from trackformer.models.settings import HuggingFaceSettings
from trackformer.models.torchvision_import import ensure_torchvision
from trackformer.models.trackformer import TrackFormer
from trackformer.predictions import Predictions
from trackformer.tracking.lifecycle.advance import advance
from trackformer.tracking.lifecycle.tracks import Tracks, as_track_queries, no_tracks
from trackformer.tracking.prepared_frame import prepare_frame
from trackformer.tracking.settings import TrackerSettings
from trackformer.tracking.steps import update_together
from trackformer.tracking.tracker import Tracker, as_objects
from trackformer.video.sources import open_source

REPETITIONS = 15
CLIP_FRAMES, WARM_UP = 30, 5
OBJECT_QUERIES = 300
EMBEDDING_SIZE = 256


@dataclass(frozen=True, slots=True)
class Row:
    """One measured figure."""

    what: str
    milliseconds: float
    """Per frame of one stream."""


def measure() -> list[Row]:
    """All rows; about a minute."""
    torch.set_num_threads(1)
    keep_freed_memory()  # as the programs do
    with torch.inference_mode():
        rows = [_bookkeeping(count) for count in (0, 30, 100, 300)]
    plain = load_model("nano")
    fast = optimize_for_inference(plain)
    rows.append(Row("frame 576x768, plain model", _frame(plain, (576, 768))))
    for size in ((576, 768), (1080, 1920)):
        rows.append(Row(f"frame {size[0]}x{size[1]}, optimised", _frame(fast, size)))
    low = optimize_for_inference(plain, torch.bfloat16)
    rows.append(Row("frame 576x768, optimised, bfloat16", _frame(low, (576, 768))))
    rows += _beside_plain_detector(fast)
    rows += [Row(f"{count} streams of 576x768", _streams(fast, count)) for count in (1, 2, 4)]
    return rows


def _bookkeeping(num_tracks: int) -> Row:
    """All but the network, while each frame loses and finds one track in twenty."""
    settings = TrackerSettings(max_tracks=num_tracks + 50)
    tracks = advance(no_tracks(EMBEDDING_SIZE), _answer(0, num_tracks), settings)

    answer = _answer(len(tracks.ids), 15)

    def step() -> Tracks:
        as_track_queries(tracks, settings)
        after = advance(tracks, answer, settings)
        as_objects(after, (1080, 1920), ("person",))
        return after

    return Row(f"bookkeeping, {len(tracks.ids)} live tracks", _best(step, 5 * REPETITIONS))


def _answer(num_tracks: int, num_born: int) -> Predictions:
    generator = torch.Generator().manual_seed(0)
    count = num_tracks + OBJECT_QUERIES
    boxes = torch.rand((count, 4), generator=generator)
    boxes[:, 2:] = 0.01 + 0.01 * boxes[:, 2:]
    scores = torch.full((count,), 0.1)
    scores[: num_tracks + num_born] = 0.9
    scores[:num_tracks:20] = 0.1
    embeddings = torch.randn((count, EMBEDDING_SIZE), generator=generator)
    return Predictions(scores, torch.zeros(count, dtype=torch.long), boxes, embeddings)


def _frame(model: TrackFormer, size: tuple[int, int]) -> float:
    tracker, pixels = Tracker(model), _picture(size)
    return _best(lambda: tracker.update(pixels), REPETITIONS)


def _streams(model: TrackFormer, count: int) -> float:
    trackers = [Tracker(model) for _ in range(count)]
    frames = [prepare_frame(model, _picture((576, 768)))] * count
    return _best(lambda: update_together(model, trackers, frames), REPETITIONS) / count


def _beside_plain_detector(fast: TrackFormer) -> list[Row]:
    """A tracked frame of the bundled clip, and transformers' forward of the same detector.

    Medians, frame by frame in turn; weights do not change what a pass costs, so theirs are random.
    """
    theirs, tracker = _plain_detector(fast), Tracker(fast)
    seconds: list[list[float]] = [[], [], []]
    with clip_file() as path, open_source(path) as frames:
        unread = iter(frames)
        for _ in range(CLIP_FRAMES):
            start = time.process_time()
            frame = next(unread)
            read = time.process_time()
            tracker.update(frame.pixels)
            tracked = time.process_time()
            pixels = prepare_frame(fast, frame.pixels).images.pixels
            ready = time.process_time()
            with torch.inference_mode():
                theirs(pixels)
            end = time.process_time()
            for column, took in zip(
                seconds, (tracked - read, tracked - start, end - ready), strict=True
            ):
                column.append(took)
    names = ("tracked", "read and tracked", "transformers' forward alone")
    return [
        Row(f"clip frame, {name}", 1000 * statistics.median(column[WARM_UP:]))
        for name, column in zip(names, seconds, strict=True)
    ]


def _plain_detector(model: TrackFormer) -> Any:
    ensure_torchvision()
    from transformers import AutoConfig, AutoModelForObjectDetection

    settings = model.settings.detector
    assert isinstance(settings, HuggingFaceSettings)
    chosen = {key: value for key, value in settings.config.items() if key != "model_type"}
    config = AutoConfig.for_model(settings.model_type, **chosen)
    return AutoModelForObjectDetection.from_config(config).eval()


def _picture(size: tuple[int, int]) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)


def _best(work: Callable[[], object], repetitions: int) -> float:
    work()
    times = []
    for _ in range(repetitions):
        start = time.thread_time()
        work()
        times.append(time.thread_time() - start)
    return 1000 * min(times)


if __name__ == "__main__":
    for row in measure():
        print(f"{row.what:40} {row.milliseconds:8.2f} ms")
