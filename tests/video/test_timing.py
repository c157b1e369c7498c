"""Time and shape of a recording, and of what is written of it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from trackformer.video.sources import open_source
from trackformer.video.writing import VideoWriter


def record(path: Path, times_ms: list[int], aspect: Fraction | int = 1) -> Path:
    """A recording as browsers make them: the header knows milliseconds, and nothing else."""
    with av.open(str(path), "w", format="matroska") as container:
        stream = container.add_stream("libx264", rate=1000)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(aspect)
        for level, time in enumerate(times_ms):
            frame = av.VideoFrame.from_ndarray(
                np.full((48, 64, 3), 9 * level, dtype=np.uint8), format="rgb24"
            )
            frame.pts, frame.time_base = time, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def test_a_header_of_1000_frames_per_second_is_not_believed(tmp_path: Path):
    path = record(tmp_path / "a.mkv", [0, 66, 133, 200, 266, 333, 400])
    with open_source(path) as source:
        assert source.frame_rate == pytest.approx(15)
        assert source.remarks == ()
        assert [frame.time_s for frame in source][-1] == pytest.approx(0.4)


def test_a_written_video_lasts_as_long_as_its_source(tmp_path: Path):
    path = record(tmp_path / "a.mkv", [0, 66, 133, 200, 266, 333, 400])
    with (
        open_source(path) as source,
        VideoWriter(tmp_path / "b.mp4", source.frame_rate) as writer,
    ):
        for frame in source:
            writer.write(frame.pixels)
    with av.open(str(tmp_path / "b.mp4")) as written:
        stream = written.streams.video[0]
        assert float(stream.duration * stream.time_base) == pytest.approx(7 / 15, abs=0.01)


def test_uneven_times_are_told(tmp_path: Path):
    path = record(tmp_path / "a.mkv", [0, 40, 80, 300, 340, 900, 940, 980])
    with open_source(path) as source:
        (remark,) = source.remarks
    assert remark.startswith("its pictures come 0.04 to 0.56 s apart: a written video shows them")


def test_pixels_that_are_not_square_stay_so(tmp_path: Path):
    path = record(tmp_path / "a.mkv", [0, 40, 80, 120], aspect=Fraction(16, 11))
    with open_source(path) as source:
        assert source.pixel_aspect == Fraction(16, 11)
        with VideoWriter(tmp_path / "b.mp4", 25, pixel_aspect=source.pixel_aspect) as writer:
            for frame in source:
                writer.write(frame.pixels)
    with av.open(str(tmp_path / "b.mp4")) as written:
        assert written.streams.video[0].sample_aspect_ratio == Fraction(16, 11)
