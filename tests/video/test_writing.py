"""A written video: playable while it grows, complete when it is closed, and to be continued."""

from __future__ import annotations

import resource
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import av
import numpy as np
import pytest

from commands import HANGS_S
from trackformer.errors import DataError
from trackformer.video import encoding
from trackformer.video.encoding import fit_into
from trackformer.video.sources import open_source
from trackformer.video.writing import VideoWriter

HEIGHT, WIDTH = 48, 64


def read_pixels(path: Path) -> list[np.ndarray]:
    with open_source(path) as source:
        return [frame.pixels for frame in source]


def num_playable(path: Path) -> int:
    """Frames before whatever is wrong with it."""
    num_frames = 0
    with open_source(path) as source, suppress(DataError):
        for _ in source:
            num_frames += 1
    return num_frames


def test_a_round_trip_keeps_count_size_rate_and_order(
    tmp_path: Path, grey_level: Callable[[int], int], picture: Callable[..., np.ndarray]
):
    path = tmp_path / "new" / "video.mp4"
    with VideoWriter(path, 12.5) as writer:
        for frame_index in range(25):
            writer.write(picture(frame_index))
    with open_source(path) as source:
        assert (source.frame_rate, source.num_frames) == (12.5, 25)
        frames = list(source)
    assert [frame.pixels.shape for frame in frames] == [(HEIGHT, WIDTH, 3)] * 25
    for frame in frames:
        level = frame.pixels[:, : WIDTH // 4].mean()
        assert abs(level - grey_level(frame.frame_index)) < 3
    assert list(path.parent.iterdir()) == [path]


def test_browsers_can_play_it_before_it_is_loaded(
    tmp_path: Path, picture: Callable[..., np.ndarray]
):
    path = tmp_path / "video.mp4"
    with VideoWriter(path, 30000 / 1001) as writer:
        writer.write(picture(0))
    content = path.read_bytes()
    assert content.find(b"moov") < content.find(b"mdat")
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert stream.codec_context.pix_fmt == "yuv420p"
        assert (stream.average_rate.numerator, stream.average_rate.denominator) == (30000, 1001)


def test_colours_survive(tmp_path: Path):
    path = tmp_path / "video.mp4"
    colours = [(200, 30, 30), (30, 200, 30), (30, 30, 200)]
    with VideoWriter(path, 10) as writer:
        for colour in colours:
            writer.write(np.full((HEIGHT, WIDTH, 3), colour, dtype=np.uint8))
    for pixels, colour in zip(read_pixels(path), colours, strict=True):
        np.testing.assert_allclose(pixels.mean((0, 1)), colour, atol=4)


def test_an_odd_side_gets_one_more_pixel(tmp_path: Path, picture: Callable[..., np.ndarray]):
    path = tmp_path / "video.mp4"
    with VideoWriter(path, 10) as writer:
        writer.write(picture(0, 47, 63))
        writer.write(picture(1, 47, 63))
    assert [pixels.shape for pixels in read_pixels(path)] == [(48, 64, 3)] * 2


def test_a_frame_of_another_size_is_letterboxed(tmp_path: Path, picture: Callable[..., np.ndarray]):
    path = tmp_path / "video.mp4"
    with VideoWriter(path, 10) as writer:
        writer.write(picture(0))
        writer.write(np.full((HEIGHT, WIDTH // 2, 3), 200, dtype=np.uint8))
    pixels = read_pixels(path)[1]
    assert pixels.shape == (HEIGHT, WIDTH, 3)
    assert pixels[:, :12].mean() < 8
    assert pixels[:, 20:44].mean() > 190


def test_letterbox_bars_are_equal():
    fitted = fit_into(np.full((10, 10, 3), 9, dtype=np.uint8), (20, 40))
    assert fitted[:, 10:30].min() == 9
    assert fitted[:, :10].max() == fitted[:, 30:].max() == 0


@pytest.mark.parametrize("error_type", [KeyboardInterrupt, ValueError])
def test_an_interrupted_video_is_playable(
    tmp_path: Path, error_type: type[BaseException], picture: Callable[..., np.ndarray]
):
    path = tmp_path / "video.mp4"

    def write_seven_frames() -> None:
        with VideoWriter(path, 10) as writer:
            for frame_index in range(7):
                writer.write(picture(frame_index))
            raise error_type

    with pytest.raises(error_type):
        write_seven_frames()
    assert len(read_pixels(path)) == 7
    assert list(tmp_path.iterdir()) == [path]


def test_an_older_video_stays_until_there_is_a_frame(
    tmp_path: Path, picture: Callable[..., np.ndarray]
):
    path = tmp_path / "video.mp4"
    path.write_text("old")
    with VideoWriter(path, 10) as writer:
        assert path.read_text() == "old"
        writer.write(picture(0))
    assert len(read_pixels(path)) == 1


def wait_for(writer: VideoWriter, num_on_disk: int) -> None:
    """The encoder is some frames behind."""
    end = time.monotonic() + HANGS_S
    while writer.num_on_disk < num_on_disk and time.monotonic() < end:
        time.sleep(0.01)


@pytest.fixture
def cut_video(tmp_path: Path, picture: Callable[..., np.ndarray]) -> Path:
    """What a kill leaves of a video whose pieces begin with frames 0, 15 and 30."""
    growing, cut = tmp_path / "growing.mp4", tmp_path / "cut.mp4"
    with VideoWriter(growing, 10) as writer:
        for frame_index in range(50):
            if frame_index in (15, 30):
                writer.begin_piece()
            writer.write(picture(frame_index))
            if frame_index == 49:
                wait_for(writer, 30)
                cut.write_bytes(growing.read_bytes())
        assert writer.num_on_disk == 30
    return cut


def test_a_killed_video_is_playable_up_to_its_last_piece(
    cut_video: Path, grey_level: Callable[[int], int]
):
    frames = read_pixels(cut_video)
    assert 30 <= len(frames) < 50
    for frame_index, pixels in enumerate(frames):
        assert abs(pixels[:, : WIDTH // 4].mean() - grey_level(frame_index)) < 3


@pytest.mark.parametrize("num_kept", [15, 30])
def test_a_killed_video_goes_on_where_a_piece_began(
    cut_video: Path,
    num_kept: int,
    grey_level: Callable[[int], int],
    picture: Callable[..., np.ndarray],
):
    with VideoWriter(cut_video, 10, num_kept) as writer:
        for frame_index in range(num_kept, 40):
            writer.write(picture(frame_index))
    with open_source(cut_video) as source:
        frames = list(source)
    assert [round(frame.time_s * 10) for frame in frames] == list(range(40))
    for frame in frames:
        level = frame.pixels[:, : WIDTH // 4].mean()
        assert abs(level - grey_level(frame.frame_index)) < 3


def test_a_video_that_lost_frames_cannot_go_on(cut_video: Path, picture: Callable[..., np.ndarray]):
    with (
        pytest.raises(DataError, match=r"cut\.mp4: .*expected at least 100 frames in it, got "),
        VideoWriter(cut_video, 10, 100) as writer,
    ):
        writer.write(picture(0))
    assert len(read_pixels(cut_video)) >= 30


def test_no_frames_make_no_file(tmp_path: Path):
    with VideoWriter(tmp_path / "video.mp4", 10):
        pass
    assert list(tmp_path.iterdir()) == []


def test_the_array_may_be_reused_after_writing(tmp_path: Path):
    path = tmp_path / "video.mp4"
    pixels = np.empty((HEIGHT, WIDTH, 3), dtype=np.uint8)
    with VideoWriter(path, 10) as writer:
        for level in (50, 100, 150):
            pixels[:] = level
            writer.write(pixels)
    levels = [pixels.mean() for pixels in read_pixels(path)]
    np.testing.assert_allclose(levels, [50, 100, 150], atol=3)


def test_a_full_disk_is_reported_and_leaves_what_it_had_room_for(
    tmp_path: Path, picture: Callable[..., np.ndarray]
):
    def write_too_much() -> None:
        with VideoWriter(tmp_path / "video.mp4", 10) as writer:
            for frame_index in range(200):
                writer.write(picture(frame_index % 50))

    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limit[1]))
    try:
        with pytest.raises(DataError, match=r"video\.mp4: cannot be written: File too large"):
            write_too_much()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert 10 <= num_playable(tmp_path / "video.mp4") < 200


def test_a_folder_that_cannot_be_is_refused_at_once(tmp_path: Path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match=r"video\.mp4: cannot be written: "):
        VideoWriter(tmp_path / "file" / "video.mp4", 10)
    with pytest.raises(DataError, match="expected a file to write to, got a folder"):
        VideoWriter(tmp_path, 10)


def test_an_unknown_kind_of_file_is_refused(tmp_path: Path, picture: Callable[..., np.ndarray]):
    with (
        pytest.raises(DataError, match=r"video\.abc: cannot be written"),
        VideoWriter(tmp_path / "video.abc", 10) as writer,
    ):
        writer.write(picture(0))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("frame_rate", [0, -1, float("inf"), float("nan")])
def test_an_impossible_frame_rate_is_refused(tmp_path: Path, frame_rate: float):
    with pytest.raises(DataError, match="expected a positive frame rate"):
        VideoWriter(tmp_path / "video.mp4", frame_rate)


def test_writing_after_the_end_is_refused(tmp_path: Path, picture: Callable[..., np.ndarray]):
    with VideoWriter(tmp_path / "video.mp4", 10) as writer:
        writer.write(picture(0))
    with pytest.raises(DataError, match="already finished"):
        writer.write(picture(1))


@pytest.mark.parametrize("encoder", ["libvpx-vp9", "libsvtav1"])
def test_without_x264_another_encoder_is_used(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    encoder: str,
    picture: Callable[..., np.ndarray],
):
    if encoder not in av.codecs_available:
        pytest.skip(f"PyAV has no {encoder}")
    monkeypatch.setattr(encoding.av, "codecs_available", {encoder})
    path = tmp_path / "video.mp4"
    with VideoWriter(path, 10) as writer:
        for frame_index in range(3):
            writer.write(picture(frame_index, 96, 128))
    assert len(read_pixels(path)) == 3


def test_without_any_encoder_the_candidates_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(encoding.av, "codecs_available", set())
    with pytest.raises(DataError, match="none of the encoders libx264, "):
        VideoWriter(tmp_path / "video.mp4", 10)


def test_frames_are_drawn_in_the_encoders_thread_and_in_order(
    tmp_path: Path, grey_level: Callable[[int], int], picture: Callable[..., np.ndarray]
):
    path, threads = tmp_path / "video.mp4", set()

    def draw(frame_index: int) -> np.ndarray:
        threads.add(threading.current_thread().name)
        return picture(frame_index)

    with VideoWriter(path, 10) as writer:
        for frame_index in range(12):
            writer.write_drawing(partial(draw, frame_index))
    assert threads == {"encoder"}
    for frame_index, pixels in enumerate(read_pixels(path)):
        assert abs(pixels[:, : WIDTH // 4].mean() - grey_level(frame_index)) < 3


def test_a_failure_to_draw_is_reported_and_leaves_nothing(tmp_path: Path):
    def fail() -> np.ndarray:
        raise ValueError("no pen")

    with (
        pytest.raises(DataError, match=r"video\.mp4: cannot be written: no pen"),
        VideoWriter(tmp_path / "video.mp4", 10) as writer,
    ):
        writer.write_drawing(fail)
    assert list(tmp_path.iterdir()) == []
