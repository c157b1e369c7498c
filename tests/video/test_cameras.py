"""Cameras, with a stand-in for the machine's own."""

from __future__ import annotations

import numpy as np
import pytest

from trackformer.errors import DataError
from trackformer.video import cameras
from trackformer.video.sources import LiveReading, open_source


class CameraOfTwoPictures:
    """Blue first, as OpenCV delivers; unplugged after two pictures."""

    def __init__(self, index: int) -> None:
        self.num_left = 2
        self.is_released = False

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        return True

    def set(self, key: int, value: float) -> bool:
        return True

    def get(self, key: int) -> float:
        return 0.0

    def read(self) -> tuple[bool, np.ndarray | None]:
        self.num_left -= 1
        if self.num_left < 0:
            return False, None
        return True, np.full((4, 6, 3), (250, 0, 0), dtype=np.uint8)

    def release(self) -> None:
        self.is_released = True


def test_a_camera_yields_rgb_frames_with_times_until_it_is_unplugged(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(cameras.cv2, "VideoCapture", CameraOfTwoPictures)
    with open_source("3", LiveReading(every_frame=True, reconnect=0)) as source:
        assert (source.name, source.num_frames, source.frame_rate) == ("camera 3", None, 25)
        frames = iter(source)
        first, second = next(frames), next(frames)
        with pytest.raises(DataError, match="camera 3: no picture any more, 2 frames read"):
            next(frames)
    assert first.pixels[0, 0].tolist() == [0, 0, 250]
    assert first.time_s == 0
    assert second.time_s is not None
    assert second.time_s >= 0


def test_a_camera_is_released_when_closed(monkeypatch: pytest.MonkeyPatch):
    camera = CameraOfTwoPictures(0)
    # It is read at once, in a thread of its own: unplugged, it would be released before we look.
    camera.num_left = 10**9
    monkeypatch.setattr(cameras.cv2, "VideoCapture", lambda index: camera)
    with open_source(0):
        assert not camera.is_released
    assert camera.is_released
