"""What a training batch costs to prepare, beside a step of the bundled model on it.

Run: `python -m benchmarks.speed.data_loading [--data PATH] [--canvas HEIGHT WIDTH]`. Without data:
the demonstration clip as JPEG files of 1080 x 1920 pixels. Batches of four clips of two frames of
384 x 640; processor time of one thread, the same batches in each way. Every batch is prepared
twice: the second time a cache that is large enough has all frames.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch

from trackformer import load_model
from trackformer.data.annotations import AnnotatedData, AnnotatedSequence, frame_without_objects
from trackformer.data.clips.draw import ClipDataset
from trackformer.data.clips.settings import ClipSettings
from trackformer.data.read import read_annotations
from trackformer.demo_clip import clip_file
from trackformer.training.clip_loss import clip_loss
from trackformer.training.losses.frame import ClipLossSettings
from trackformer.training.settings import LossSettings, MatchingSettings, TrackQuerySettings
from trackformer.types import Clip
from trackformer.video.sources import open_source

FRAMES, SIZE, QUALITY = 24, (1080, 1920), 90
BATCHES, BATCH_SIZE, CANVAS = 6, 4, (384, 640)
WAYS = {
    "plain": {"cache_megabytes": 0, "reduced_decoding": False},
    "cache": {"cache_megabytes": 512, "reduced_decoding": False},
    "reduced": {"cache_megabytes": 0, "reduced_decoding": True},
    "both": {"cache_megabytes": 512, "reduced_decoding": True},
}


@dataclass(frozen=True, slots=True)
class Row:
    """One way to read; `step`: what a training step takes for such a batch."""

    way: str
    first_milliseconds: float
    """Per batch."""
    again_milliseconds: float
    pixel_difference: float
    """Mean absolute, in grey levels of 255, from the plain way."""


def measure(data: AnnotatedData | None = None, canvas: tuple[int, int] = CANVAS) -> list[Row]:
    """One row for each way, and one for the step."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    if data is not None:
        return _rows(data, canvas)
    with tempfile.TemporaryDirectory() as folder:
        return _rows(_demonstration(Path(folder)), canvas)


def _rows(data: AnnotatedData, canvas: tuple[int, int]) -> list[Row]:
    rows, plain = [], None
    for way, settings in WAYS.items():
        batches = _batches(data, ClipSettings(canvas=canvas, **settings))
        first, clips = _prepare(batches)
        again, _ = _prepare(batches)
        plain = plain or clips
        rows.append(Row(way, first, again, _difference(plain, clips)))
    assert plain is not None
    step = _step_milliseconds(plain[0])
    return [*rows, Row("step", step, step, 0.0)]


def _batches(data: AnnotatedData, settings: ClipSettings) -> ClipDataset:
    input_settings = load_model("nano").settings.input
    return ClipDataset([(data, 1.0)], BATCH_SIZE, settings, input_settings, 0, BATCHES)


def _prepare(batches: ClipDataset) -> tuple[float, list[Clip]]:
    start = time.thread_time()
    clips = [batches[index] for index in range(BATCHES)]
    return 1000 * (time.thread_time() - start) / BATCHES, clips


def _difference(plain: list[Clip], clips: list[Clip]) -> float:
    scale = 255 * load_model("nano").settings.input.std[0]
    differences = [
        float((one.pixels - other.pixels).abs().mean())
        for first, second in zip(plain, clips, strict=True)
        for one, other in zip(first.images, second.images, strict=True)
    ]
    return scale * float(np.mean(differences))


def _step_milliseconds(clip: Clip) -> float:
    """Forward and backward of `nano` as it was trained: all but the backbone."""
    model = load_model("nano").train()
    for name, parameter in model.named_parameters():
        if "backbone" in name:
            parameter.requires_grad = False
    settings = ClipLossSettings(
        TrackQuerySettings(loss_frames="all"), MatchingSettings(), LossSettings()
    )
    times = []
    for _ in range(3):
        start = time.process_time()
        generator = torch.Generator().manual_seed(0)
        clip_loss(model, clip, settings, generator, lambda count: count).total.backward()
        times.append(time.process_time() - start)
    return 1000 * min(times)


def _demonstration(folder: Path) -> AnnotatedData:
    """Some frames of the clip, enlarged; nothing is annotated."""
    frames = []
    with clip_file() as video:
        for index, frame in zip(range(FRAMES), open_source(video), strict=False):
            path = folder / f"{index:06d}.jpg"
            large = cv2.resize(frame.pixels, SIZE[::-1], interpolation=cv2.INTER_CUBIC)
            large = cv2.cvtColor(large, cv2.COLOR_RGB2BGR)
            cv2.imwrite(str(path), large, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
            frames.append(frame_without_objects(index, path))
    sequence = AnnotatedSequence("demonstration", tuple(frames), SIZE, 25.0, is_video=True)
    return AnnotatedData((sequence,), ("person",))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="annotated videos with images")
    parser.add_argument("--canvas", type=int, nargs=2, default=CANVAS, metavar=("HEIGHT", "WIDTH"))
    options = parser.parse_args()
    data = None if options.data is None else read_annotations(options.data)
    for row in measure(data, tuple(options.canvas)):
        print(
            f"{row.way:8} {row.first_milliseconds:7.1f} ms, "
            f"again {row.again_milliseconds:7.1f} ms, "
            f"pixels differ by {row.pixel_difference:.2f} of 255"
        )


if __name__ == "__main__":
    main()
