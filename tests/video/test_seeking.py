"""A recording that is begun later shows the frames that it shows when it is read from its start."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from trackformer.video.frames import Frame
from trackformer.video.sources import open_source

NUM_FRAMES = 40


def clip(path: Path, options: dict[str, str], codec: str = "libx264") -> Path:
    """Squares that move, so that pictures refer to each other."""
    colours = np.random.default_rng(0).integers(0, 255, (6, 8, 3), dtype=np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=10, options=options)
        stream.height, stream.width, stream.pix_fmt = 48, 64, "yuv420p"
        for index in range(NUM_FRAMES):
            pixels = np.roll(colours.repeat(8, 0).repeat(8, 1), 3 * index, axis=1)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def frames_of(path: Path, behind: int = 0, last_s: float | None = None) -> tuple[bool, list[Frame]]:
    with open_source(path) as source:
        landed = bool(behind) and source.pass_over(behind, last_s)
        return landed, list(source)


def are_same(found: list[Frame], expected: list[Frame]) -> bool:
    return len(found) == len(expected) and all(
        (a.frame_index, a.time_s) == (b.frame_index, b.time_s)
        and np.array_equal(a.pixels, b.pixels)
        for a, b in zip(found, expected, strict=True)
    )


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("closed.mp4", {"g": "12", "bf": "2"}),
        ("open.mp4", {"g": "12", "bf": "3", "x264-params": "open-gop=1"}),
        ("one.mp4", {"g": "1000"}),
        ("closed.mkv", {"g": "7", "bf": "2"}),
        ("fragments.mp4", {"g": "12", "movflags": "frag_keyframe+empty_moov"}),
    ],
)
def test_the_frames_are_the_same_wherever_it_begins(tmp_path: Path, name, options):
    path = clip(tmp_path / name, options)
    _, whole = frames_of(path)
    assert len(whole) == NUM_FRAMES
    for behind in (1, 2, 11, 12, 13, 25, 39):
        landed, rest = frames_of(path, behind, whole[behind - 1].time_s)
        assert landed, behind
        assert are_same(rest, whole[behind:]), behind


def test_where_it_is_not_sure_it_is_read_from_its_start(tmp_path: Path):
    path = clip(tmp_path / "clip.mp4", {"g": "12"})
    _, whole = frames_of(path)
    for behind, last_s in ((5, 0.5), (5, None), (NUM_FRAMES, 3.9), (5, 9.0)):
        landed, frames = frames_of(path, behind, last_s)
        assert not landed
        assert are_same(frames, whole)
    # Packets without times of their own.
    raw = clip(tmp_path / "clip.h264", {"g": "12"})
    _, whole = frames_of(raw)
    landed, frames = frames_of(raw, 5, 0.4)
    assert not landed
    assert are_same(frames, whole)
