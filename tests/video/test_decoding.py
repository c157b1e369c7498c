"""Video files and streams: whole, turned, cut off, damaged, dropped."""

from __future__ import annotations

import socket
import socketserver
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
import pytest

from commands import HANGS_S
from trackformer.errors import DataError
from trackformer.video import decoding
from trackformer.video.sources import open_source

HEIGHT, WIDTH = 48, 64


def count_frames(path: Path | str) -> tuple[int, str]:
    """How many frames come, and the message of the error that ends them."""
    num_read, message = 0, ""
    with open_source(path) as source:
        try:
            for _ in source:
                num_read += 1
        except DataError as error:
            message = str(error)
    return num_read, message


@contextmanager
def server(content: bytes, declared_length: int) -> Iterator[str]:
    """An HTTP server on this machine that hangs up after `content`."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while self.rfile.readline().strip():
                pass
            self.wfile.write(
                b"HTTP/1.0 200 OK\r\nContent-Type: video/x-matroska\r\n"
                b"Content-Length: %d\r\n\r\n" % declared_length + content
            )

    with socketserver.TCPServer(("127.0.0.1", 0), Handler) as tcp_server:
        thread = threading.Thread(target=tcp_server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://user:secret@127.0.0.1:{tcp_server.server_address[1]}/clip.mkv"
        tcp_server.shutdown()
        thread.join()


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv", "clip.ts", "clip.avi"])
def test_every_frame_of_a_file_arrives_in_order(
    make_video: Callable[..., Path], name: str, grey_level: Callable[[int], int]
):
    with open_source(make_video(name)) as source:
        assert source.frame_rate == 10
        assert source.num_frames == 20
        frames = list(source)
    assert [frame.frame_index for frame in frames] == list(range(20))
    np.testing.assert_allclose([frame.time_s for frame in frames], np.arange(20) / 10, atol=1e-3)
    for frame in frames:
        assert frame.pixels.shape == (HEIGHT, WIDTH, 3)
        level = frame.pixels[:, : WIDTH // 4].mean()
        assert abs(level - grey_level(frame.frame_index)) < 3


def test_a_video_of_a_turned_phone_is_upright(make_video: Callable[..., Path]):
    with open_source(make_video("clip.mp4", num_frames=2, rotation=90)) as source:
        pixels = next(iter(source)).pixels
    assert pixels.shape == (WIDTH, HEIGHT, 3)
    # 90 degrees counter-clockwise: what was on the left is now at the bottom.
    assert pixels[-WIDTH // 4 :].std() < 3
    assert pixels[: WIDTH // 4].std() > 20


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv"])
def test_frames_before_a_cut_are_kept_and_counted(make_video: Callable[..., Path], name: str):
    path = make_video(name, num_frames=40)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    num_read, message = count_frames(path)
    assert 10 <= num_read <= 30
    assert message.startswith(f"{path}: cut off or damaged: {num_read} of 40 frames read")


def test_an_early_end_without_any_error_is_noticed(make_video: Callable[..., Path]):
    path = make_video("clip.avi", num_frames=40, codec="mpeg4")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    num_read, message = count_frames(path)
    assert 10 <= num_read <= 30
    assert f"{num_read} of 40 frames read (it ends early)" in message


def test_frames_behind_a_damaged_place_are_read(make_video: Callable[..., Path]):
    path = make_video("clip.mp4", num_frames=40)
    with av.open(str(path)) as container:
        position, size = next(
            (packet.pos, packet.size)
            for index, packet in enumerate(container.demux(video=0))
            if index == 10
        )
    content = bytearray(path.read_bytes())
    content[position : position + size] = b"\xff" * size
    path.write_bytes(content)
    num_read, message = count_frames(path)
    assert 35 <= num_read < 40
    assert f"{num_read} of 40 frames read (1 undecodable packets)" in message


def test_a_file_without_its_index_is_refused(make_video: Callable[..., Path]):
    path = make_video("clip.mov")
    content = path.read_bytes()
    path.write_bytes(content[: content.index(b"moov")])
    with pytest.raises(DataError, match=r"clip\.mov: cannot be opened as a video: Invalid data"):
        open_source(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "cannot be opened as a video"), (b"dear diary\n" * 99, "expected a video, got a text")],
)
def test_what_is_no_video_is_refused(tmp_path: Path, content: bytes, message: str):
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        open_source(path)


def test_sound_alone_is_refused(tmp_path: Path):
    path = tmp_path / "song.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        samples = np.zeros((1, 800), dtype=np.int16)
        sound = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        sound.sample_rate = 8000
        container.mux(stream.encode(sound))
    with pytest.raises(DataError, match=r"song\.wav: expected a video, got WAV"):
        open_source(path)


def test_a_closed_source_yields_nothing(make_video: Callable[..., Path]):
    with open_source(make_video("clip.mp4")) as source:
        next(iter(source))
    assert list(source) == []


def test_a_video_is_read_from_a_server(make_video: Callable[..., Path]):
    content = make_video("clip.mkv").read_bytes()
    with server(content, len(content)) as url:
        assert count_frames(url) == (20, "")


def test_a_dropped_stream_keeps_its_frames_and_hides_the_password(
    make_video: Callable[..., Path],
):
    content = make_video("clip.mkv", num_frames=40).read_bytes()
    with server(content[: len(content) // 2], len(content)) as url:
        num_read, message = count_frames(url)
    assert 10 <= num_read <= 30
    assert "secret" not in message
    assert f"{num_read} " in message


def test_a_silent_server_is_given_up(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(decoding, "OPENING_S", 0.2)
    with socketserver.TCPServer(("127.0.0.1", 0), socketserver.BaseRequestHandler) as silent:
        url = f"rtsp://127.0.0.1:{silent.server_address[1]}/camera"
        with pytest.raises(DataError, match=r"^rtsp://127.*: showed no video for 0\.2 s$"):
            open_source(url)


def test_a_sender_that_dies_in_silence_is_given_up(
    make_video: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(decoding, "SILENCE_S", 0.3)
    content = make_video("clip.ts", num_frames=40).read_bytes()
    is_over = threading.Event()

    class Sender(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.sendall(content[: len(content) // 2])
            is_over.wait(HANGS_S)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Sender) as sender:
        threading.Thread(target=sender.serve_forever, args=(0.01,), daemon=True).start()
        message = r"stream dropped after \d+ frames: silent for 0\.3 s"
        source = decoding.open_stream(f"tcp://127.0.0.1:{sender.server_address[1]}")
        with source, pytest.raises(DataError, match=message):
            list(source)
        is_over.set()
        sender.shutdown()


def test_nobody_who_sends_is_told_in_time(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(decoding, "OPENING_S", 0.2)
    with socket.socket(type=socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(DataError, match=r"^udp://127\.0\.0\.1:\d+: showed no video for 0\.2 s$"):
        open_source(f"udp://127.0.0.1:{port}")


def test_a_video_comes_from_the_standard_input(make_video: Callable[..., Path]):
    program = (
        "from trackformer.video.sources import open_source\n"
        "with open_source('-') as source: print(source.name, len(list(source)))"
    )
    with make_video("clip.mkv", num_frames=7).open("rb") as video:
        answer = subprocess.run(
            [sys.executable, "-c", program], stdin=video, capture_output=True, text=True, check=True
        )
    assert answer.stdout == "standard input 7\n"
