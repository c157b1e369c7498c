"""Resident memory of a tracker over a long stream (Linux).

Run: `python -m benchmarks.long_stream [FRAMES]`. A tiny model follows 10,000 frames of noise; its
weights are random, so in every frame tracks begin, are lost, found again and given up. Printed ten
times, and at last what was gained from the first mark to the last.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch

from benchmarks.suite.own_process import resident_megabytes
from trackformer import ModelSettings, Tracker, TrackerSettings, TrackFormer, build_model
from trackformer import optimize_for_inference as optimised
from trackformer.freed_memory import keep_freed_memory
from trackformer.input_settings import InputSettings
from trackformer.models.settings import BackboneSettings, DeformableDetrSettings
from trackformer.types import Images

FRAMES = 10_000
MARKS = 10
SIZE = (32, 32)


@dataclass(frozen=True, slots=True)
class Row:
    """What the process holds after so many frames."""

    frames: int
    megabytes: float
    born: int
    """Tracks since the stream began."""
    alive: int


def measure(num_frames: int = FRAMES) -> list[Row]:
    """`MARKS` rows; a few minutes."""
    return list(rows_of(num_frames))


def rows_of(num_frames: int) -> Iterator[Row]:
    """Each as soon as it is reached."""
    torch.set_num_threads(1)
    keep_freed_memory()  # as the programs do
    model = optimised(tiny_model())
    tracker = Tracker(model, settings_amid(model))
    random = np.random.default_rng(0)
    for index in range(1, num_frames + 1):
        tracker.update(random.integers(0, 256, (*SIZE, 3), dtype=np.uint8))
        if index % (num_frames // MARKS) == 0:
            tracks = tracker.tracks
            yield Row(index, resident_megabytes(), tracks.next_id - 1, len(tracks.ids))


def tiny_model() -> TrackFormer:
    """Random weights, for frames of any size."""
    torch.manual_seed(0)
    detector = DeformableDetrSettings(
        backbone=BackboneSettings(name="resnet18"),
        embedding_size=32,
        num_heads=4,
        feedforward_size=64,
        num_encoder_layers=1,
        num_decoder_layers=1,
        num_queries=20,
        box_refinement=True,
    )
    model = build_model(ModelSettings(detector=detector, input=InputSettings(shorter_side=32)))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.02)
    return model.eval()


def settings_amid(model: TrackFormer) -> TrackerSettings:
    """Thresholds amid the model's scores, so that they are crossed all the time."""
    frames = torch.from_numpy(np.random.default_rng(1).normal(size=(3, 3, *SIZE))).float()
    with torch.inference_mode():
        scores = [model(Images.from_list([each])).class_scores().amax(-1) for each in frames]
    low, high = torch.cat(scores).quantile(torch.tensor([0.5, 0.9])).tolist()
    return TrackerSettings(
        birth_score=high,
        keep_score=low,
        reid_score=low,
        patience=5,
        track_nms_iou=None,
        birth_nms_iou=None,
        max_tracks=40,
    )


def growth(rows: Sequence[Row]) -> float:
    """Megabytes a thousand frames, from the first mark to the last."""
    first, last = rows[0], rows[-1]
    return 1000 * (last.megabytes - first.megabytes) / (last.frames - first.frames)


def main(arguments: Sequence[str]) -> None:
    """The table, line by line."""
    rows = []
    for row in rows_of(int(arguments[0]) if arguments else FRAMES):
        rows.append(row)
        print(
            f"{row.frames:6} frames {row.megabytes:7.1f} MB, {row.born:6} tracks begun, "
            f"{row.alive:3} alive",
            flush=True,
        )
    assert all(before.born < after.born for before, after in pairwise(rows))
    print(f"{growth(rows):+.3f} MB a thousand frames")


if __name__ == "__main__":
    main(sys.argv[1:])
