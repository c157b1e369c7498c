"""A network camera on this machine (MJPEG over HTTP) that drops its connection at given moments."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count

import cv2
import numpy as np
from jaxtyping import UInt8

DIGITS = 20
"""Bits of the number that is drawn below a picture as black and white squares."""
SQUARE = 16
"""Pixels; as large as the blocks that JPEG compresses, so the picture above stays as it is."""


def numbered(pixels: UInt8[np.ndarray, "H W 3"], number: int) -> UInt8[np.ndarray, "_ W 3"]:
    """A picture with a number below it, at least as wide as that needs."""
    strip = np.zeros((SQUARE, pixels.shape[1], 3), dtype=np.uint8)
    for digit in range(DIGITS):
        strip[:, SQUARE * digit : SQUARE * (digit + 1)] = 255 * (number >> digit & 1)
    return np.concatenate([pixels, strip])


def number_below(pixels: UInt8[np.ndarray, "H W 3"]) -> tuple[int, UInt8[np.ndarray, "_ W 3"]]:
    """The inverse of `numbered`."""
    strip = pixels[-SQUARE:]
    squares = [strip[4:12, SQUARE * digit + 4 : SQUARE * digit + 12] for digit in range(DIGITS)]
    number = sum(1 << digit for digit, square in enumerate(squares) if square.mean() > 128)
    return number, pixels[:-SQUARE]


def as_jpeg(pixels: UInt8[np.ndarray, "H W 3"]) -> bytes:
    """Of RGB pixels, hardly changed."""
    return bytes(cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])[1])


class _Camera(http.server.BaseHTTPRequestHandler):
    start = 0.0
    rate = 30.0
    drops_at: tuple[float, ...] = ()
    shown: Callable[[float], bytes]

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
            picture = type(self).shown(now)
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
            try:
                self.wfile.write(head.encode() + picture + b"\r\n")
            except OSError:
                return
            time.sleep(max(0.0, connected + number / self.rate - now))

    def log_message(self, *_words: object) -> None:  # type: ignore[override]
        """Nothing."""


@contextmanager
def camera(
    shown: Callable[[float], bytes], rate: float, drops_at: tuple[float, ...]
) -> Iterator[str]:
    """A camera that runs from now on, whoever looks; its address.

    Args:
        shown: The picture, as JPEG, of so many seconds from now.
        rate: Pictures a second.
        drops_at: When it closes the connection that there is.
    """
    members = {"start": time.monotonic(), "rate": rate, "drops_at": drops_at}
    handler = type("Camera", (_Camera,), members | {"shown": staticmethod(shown)})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/camera"
    finally:
        server.shutdown()
        server.server_close()
