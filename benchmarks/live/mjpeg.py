"""A network camera on this machine: MJPEG over HTTP. Tests watch it, too."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import cv2
import numpy as np
from jaxtyping import UInt8


def as_jpeg(pixels: UInt8[np.ndarray, "H W 3"]) -> bytes:
    """Of RGB pixels, hardly changed."""
    return bytes(cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])[1])


@contextmanager
def mjpeg_server(connect: Callable[[], Iterator[bytes] | None]) -> Iterator[str]:
    """Serve until the context ends; yields the camera's address.

    Args:
        connect: Asked at each connection for what it shows: JPEGs, at the pace at which they are
            given, and behind the last it is closed. None: the camera is gone (404).
    """

    class Connection(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            pictures = connect()
            if pictures is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            for picture in pictures:
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n"
                try:
                    self.wfile.write(head.encode() + b"\r\n" + picture + b"\r\n")
                except OSError:
                    return  # Nobody looks any more.

        def log_message(self, *_words: object) -> None:  # type: ignore[override]
            """Nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Connection)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/camera"
    finally:
        server.shutdown()
        server.server_close()
