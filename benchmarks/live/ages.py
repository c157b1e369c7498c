"""How old the pictures are that a tracker sees which is slower than the camera.

A camera shows 30 frames a second and the moment of each, below its picture; the model is held to 5
frames a second. The camera drops its connection three times. Once the newest picture is taken, as
`trackformer track` does, and once every picture (`--every-frame`), for a quarter of the time.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass

import numpy as np

from benchmarks.live.camera import camera, number_below, numbered
from benchmarks.live.mjpeg import as_jpeg
from benchmarks.suite.own_process import resident_megabytes
from trackformer.video.live import LiveReading
from trackformer.video.sources import open_source

CAMERA_RATE = 30.0
MODEL_S = 1 / 5
DROPS = (0.3, 0.5, 0.7)
GREY = np.full((240, 320, 3), 90, dtype=np.uint8)


@dataclass(frozen=True, slots=True)
class Row:
    """One way to read the camera."""

    name: str
    num_frames: int
    median_s: float
    oldest_s: float
    """The ages of pictures when they were taken."""
    megabytes_gained: float
    """From after the first second to the end."""
    remarks: tuple[str, ...]


def _picture(seconds: float) -> bytes:
    return as_jpeg(numbered(GREY, int(seconds * 1000)))


def measure(name: str, reading: LiveReading, seconds: float) -> Row:
    """Read for so long, with three drops on the way."""
    ages, start_megabytes = [], 0.0
    start = time.monotonic()
    with (
        camera(_picture, CAMERA_RATE, tuple(seconds * share for share in DROPS)) as url,
        open_source(url, reading) as source,
    ):
        for frame in source:
            now = time.monotonic() - start
            ages.append(now - number_below(frame.pixels)[0] / 1000)
            if len(ages) == round(1 / MODEL_S):
                start_megabytes = resident_megabytes()
            time.sleep(MODEL_S)
            if now > seconds:
                break
        gained = resident_megabytes() - start_megabytes
    return Row(name, len(ages), float(np.median(ages)), max(ages), gained, source.remarks)


def report(seconds: float) -> None:
    """The table, then the rows as one line of JSON."""
    rows = [
        measure("newest", LiveReading(), seconds),
        measure("every frame", LiveReading(every_frame=True), seconds / 4),
    ]
    for row in rows:
        print(
            f"{row.name:12} {row.num_frames:4} frames, age {row.median_s:.2f} s (median), "
            f"{row.oldest_s:.2f} s (oldest), {row.megabytes_gained:+.1f} MB"
        )
        for remark in row.remarks:
            print("   ", remark)
    print(json.dumps([[row.name, row.median_s, row.oldest_s] for row in rows]))
