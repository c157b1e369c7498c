"""How a camera of this machine becomes frames."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

import cv2

from trackformer.errors import DataError
from trackformer.video.frames import ASSUMED_FRAME_RATE, Frame, FrameSource


def open_camera(index: int) -> FrameSource:
    """The camera with this number, 0 for the first; it ends when it is closed.

    Raises:
        DataError: There is no such camera, or another program has it.
    """
    name = f"camera {index}"
    with _silent_opencv():
        capture = cv2.VideoCapture(index)
    if not capture.isOpened():
        capture.release()
        raise DataError(f"{name}: cannot be opened; is it connected, and free?")
    # An old picture is worth less than none where the tracker is slower than the camera.
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
    frame_rate = float(capture.get(cv2.CAP_PROP_FPS))
    return FrameSource(
        name=name,
        frame_rate=frame_rate if 0 < frame_rate < float("inf") else ASSUMED_FRAME_RATE,
        num_frames=None,
        frames=_read_frames(capture, name),
        release=capture.release,
    )


def _read_frames(capture: Any, name: str) -> Generator[Frame, None, None]:
    frame_index = 0
    start = None
    while True:
        has_picture, pixels = capture.read()
        if not has_picture:
            raise DataError(f"{name}: no picture any more, {frame_index} frames read")
        now = time.monotonic()
        start = now if start is None else start
        yield Frame(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), frame_index, now - start)
        frame_index += 1


@contextmanager
def _silent_opencv() -> Iterator[None]:
    """Without OpenCV's own lines about a missing camera: the user gets one clear error instead."""
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(level)
