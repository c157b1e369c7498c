"""How old the pictures are that a tracker sees which is slower than the camera.

Run: `python -m benchmarks.live [SECONDS]` (Linux). A network camera on this machine (MJPEG over
HTTP) shows 30 frames a second and the moment of each, in its pixels; the model is held to 5 frames
a second. The camera drops its connection three times. Once the newest picture is taken, as
`trackformer track` does, and once every picture (`--every-frame`), for a quarter of the time.
"""

from __future__ import annotations

import http.server
import json
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count

import cv2
import numpy as np

from benchmarks.suite.own_process import resident_megabytes
from trackformer.video.live import LiveReading
from trackformer.video.sources import open_source

SECONDS = 60.0
CAMERA_RATE = 30.0
MODEL_S = 1 / 5
SIZE = (240, 320)
DIGITS = 20
"""Bits of the moment, in milliseconds, that are drawn into a picture as black and white squares."""


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


class _Camera(http.server.BaseHTTPRequestHandler):
    start = 0.0
    drops_at: tuple[float, ...] = ()

    def do_GET(self) -> None:
        """Pictures at their pace, until the connection is dropped."""
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        connected = time.monotonic() - self.start
        drop = min((each for each in self.drops_at if each > connected), default=float("inf"))
        for number in count(1):
            now = time.monotonic() - self.start
            if now > drop:
                return
            picture = cv2.imencode(".jpg", _picture(now))[1].tobytes()
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
            try:
                self.wfile.write(head.encode() + picture + b"\r\n")
            except OSError:
                return
            time.sleep(max(0.0, connected + number / CAMERA_RATE - now))

    def log_message(self, *_words: object) -> None:  # type: ignore[override]
        """Nothing."""


def _picture(seconds: float) -> np.ndarray:
    pixels = np.full((*SIZE, 3), 90, dtype=np.uint8)
    for digit in range(DIGITS):
        is_set = int(seconds * 1000) >> digit & 1
        pixels[:16, 16 * digit : 16 * digit + 16] = 255 * is_set
    return pixels


def _moment(pixels: np.ndarray) -> float:
    """The inverse of `_picture`."""
    bits = [pixels[4:12, 16 * digit + 4 : 16 * digit + 12].mean() > 128 for digit in range(DIGITS)]
    return sum(1 << digit for digit, is_set in enumerate(bits) if is_set) / 1000


@contextmanager
def camera(drops_at: tuple[float, ...]) -> Iterator[str]:
    """A camera on this machine; its address."""
    handler = type("Camera", (_Camera,), {"start": time.monotonic(), "drops_at": drops_at})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/camera"
    finally:
        server.shutdown()
        server.server_close()


def measure(name: str, reading: LiveReading, seconds: float) -> Row:
    """Read for so long, with three drops on the way."""
    ages, start_megabytes = [], 0.0
    start = time.monotonic()
    with (
        camera(tuple(seconds * share for share in (0.3, 0.5, 0.7))) as url,
        open_source(url, reading) as source,
    ):
        for frame in source:
            now = time.monotonic() - start
            ages.append(now - _moment(frame.pixels))
            if len(ages) == round(1 / MODEL_S):
                start_megabytes = resident_megabytes()
            time.sleep(MODEL_S)
            if now > seconds:
                break
        gained = resident_megabytes() - start_megabytes
    return Row(name, len(ages), float(np.median(ages)), max(ages), gained, source.remarks)


def main(arguments: Sequence[str]) -> None:
    """The table, then the rows as one line of JSON."""
    seconds = float(arguments[0]) if arguments else SECONDS
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


if __name__ == "__main__":
    main(sys.argv[1:])
