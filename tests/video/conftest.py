"""Tiny videos and images whose content can be checked by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

HEIGHT, WIDTH = 48, 64


def _grey_level(frame_index: int) -> int:
    return 20 + 4 * frame_index


def _picture(frame_index: int, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """Noise-free on the left, so that its grey level tells the frame; noise makes packets big."""
    pixels = np.full((height, width, 3), _grey_level(frame_index), dtype=np.uint8)
    noise = np.random.default_rng(frame_index).integers(0, 255, pixels.shape)
    pixels[:, width // 2 :] = noise[:, width // 2 :]
    return pixels


@pytest.fixture
def grey_level() -> Callable[[int], int]:
    return _grey_level


@pytest.fixture
def picture() -> Callable[..., np.ndarray]:
    return _picture


@pytest.fixture
def make_video(tmp_path: Path) -> Callable[..., Path]:
    """Writes a video with PyAV alone, independent of our writer."""

    def make(name: str, num_frames: int = 20, rotation: int = 0, codec: str = "libx264") -> Path:
        path = tmp_path / name
        options = {"movflags": "+faststart"} if path.suffix == ".mp4" else {}
        with av.open(str(path), "w", options=options) as container:
            stream = container.add_stream(codec, rate=10)
            stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, "yuv420p"
            stream.gop_size = 5
            if rotation:
                stream.set_display_rotation(rotation)
            for frame_index in range(num_frames):
                pixels = _picture(frame_index)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
            container.mux(stream.encode(None))
        return path

    return make


@pytest.fixture
def make_images(tmp_path: Path) -> Callable[..., Path]:
    """Writes images of one colour per file into a folder."""

    def make(names: list[str], folder: str = "frames") -> Path:
        path = tmp_path / folder
        path.mkdir(parents=True, exist_ok=True)
        for frame_index, name in enumerate(names):
            pixels = np.full((HEIGHT, WIDTH, 3), _grey_level(frame_index), dtype=np.uint8)
            (path / name).write_bytes(cv2.imencode(Path(name).suffix, pixels)[1].tobytes())
        return path

    return make
