"""What is not done is answered as HTTP says, in one line, and changes nothing."""

from __future__ import annotations

import io
import json
import struct
import threading
import zlib

import cv2
import httpx
import numpy as np
import pytest
from PIL import Image
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from commands import Run
from serving.conftest import Begin, begun, pictures, png
from trackformer.models.trackformer import TrackFormer

TOKEN = "0123456789abcdef"


def bomb() -> bytes:
    """A few hundred bytes that would be 10 gigabytes of pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        length, checksum = (
            struct.pack(">I", len(content)),
            struct.pack(">I", zlib.crc32(kind + content)),
        )
        return length + kind + content + checksum

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def saved(kind: str, size: tuple[int, int] = (64, 48)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size).save(file, kind)
    return file.getvalue()


def damaged() -> bytes:
    whole = bytearray(png(pictures(1, size=(120, 160))[0]))
    whole[60:100] = bytes(40)
    return bytes(whole)


MALFORMED = {
    "nothing": (b"", 415, "expected a JPEG or PNG file"),
    "text": (b"no picture", 415, "expected a JPEG or PNG file"),
    "gif": (saved("GIF"), 415, "expected a JPEG or PNG file"),
    "cut jpeg": (saved("JPEG")[:-20], 422, "cut off"),
    "cut png": (png(pictures(1)[0])[:-30], 422, "cut off"),
    "damaged": (damaged(), 422, "damaged"),
    "bomb": (bomb(), 413, "pixels"),
    "too many pixels": (saved("PNG", (200, 200)), 413, "at most 30000 pixels, got 200 x 200"),
    "narrow": (saved("PNG", (900, 1)), 422, "at most 20 to 1, got 900 x 1"),
    "too many bytes": (bytes(100_001), 413, "expected at most 100000 bytes"),
}


def test_what_is_no_picture_is_refused_and_the_session_goes_on(begin: Begin):
    client = begin(most_bytes=100_000, most_pixels=30_000)
    session = begun(client)
    for name, (content, status, words) in MALFORMED.items():
        answer = client.put(f"{session}/frames/0", content=content)
        assert (answer.status_code, words in answer.json()["detail"]) == (status, True), (
            name,
            answer.text,
        )
    assert client.put(f"{session}/frames/0", content=png(pictures(1)[0])).status_code == 200


def test_a_body_without_an_announced_length_is_bounded_too(begin: Begin):
    client = begin(most_bytes=1000)
    pieces = (bytes(400) for _ in range(4))
    answer = client.put(f"{begun(client)}/frames/0", content=pieces)
    assert (answer.status_code, answer.json()["detail"]) == (413, "expected at most 1000 bytes")


def test_over_a_websocket_they_are_refused_too_and_too_large_ones_end_it(begin: Begin):
    client = begin(most_bytes=1000)
    address = f"{str(client.base_url).rstrip('/').replace('http', 'ws')}{begun(client)}/frames"
    with connect(address) as socket:
        socket.recv()
        socket.send(b"no picture")
        assert json.loads(socket.recv()) == {
            "frame": 0,
            "status": 415,
            "detail": "picture: expected a JPEG or PNG file",
        }
        socket.send('{"frames": 1}')
        refused = json.loads(socket.recv())
        assert (refused["frame"], refused["status"]) == (None, 400)
        socket.send(bytes(1001))
        with pytest.raises(Exception, match="1009"):
            socket.recv()


def test_requests_that_mean_nothing_are_told_so(begin: Begin):
    client = begin(most_sessions=1)
    assert client.get("/sessions/nobody").status_code == 404
    assert client.put("/sessions/nobody/frames/0", content=b"").status_code == 404
    assert client.delete("/sessions/nobody").status_code == 404
    assert client.get("/elsewhere").status_code == 404
    assert client.put("/sessions", content=b"").status_code == 405
    with pytest.raises(InvalidStatus, match="404"):
        connect(f"{str(client.base_url).rstrip('/').replace('http', 'ws')}/sessions/nobody/frames")
    for wanted, words in (
        ({"when_full": "never"}, "body.when_full: Input should be 'refuse' or 'newest'"),
        ({"colour": 1}, "body.colour: Extra inputs are not permitted"),
        ({"settings": {"patience": -1}}, "patience"),
    ):
        answer = client.post("/sessions", json=wanted)
        assert answer.status_code == 422
        assert words in answer.json()["detail"]
    session = begun(client)
    assert client.put(f"{session}/frames/first", content=b"").status_code == 422
    assert client.put(f"{session}/frames/0?time_s=nan", content=b"").status_code == 422
    full = client.post("/sessions", json={})
    assert (full.status_code, full.json()["detail"]) == (503, "expected at most 1 sessions")
    assert full.headers["Retry-After"] == "1"


def test_only_who_knows_the_token_is_answered(begin: Begin):
    client = begin(token=TOKEN)
    assert client.get("/healthz").json() == {"status": "ok"}
    for given in (None, "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}0", "Bearer é"):
        headers = {} if given is None else {"Authorization": given.encode()}
        answer = client.post("/sessions", json={}, headers=headers)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert client.get("/metrics", headers=headers).status_code == 401
    headers = {"Authorization": f"Bearer {TOKEN}"}
    address = str(client.base_url).rstrip("/").replace("http", "ws")
    client.headers = httpx.Headers(headers)
    session = begun(client)
    with pytest.raises(InvalidStatus, match="401"):
        connect(f"{address}{session}/frames")
    with connect(f"{address}{session}/frames", additional_headers=headers) as socket:
        assert json.loads(socket.recv())["next_frame"] == 0


def test_pages_of_elsewhere_are_refused(begin: Begin):
    client = begin()
    for headers in ({"Origin": "http://elsewhere"}, {"Host": "elsewhere:80"}):
        assert client.post("/sessions", json={}, headers=headers).status_code == 403
    own = {"Origin": str(client.base_url).rstrip("/")}
    assert client.post("/sessions", json={}, headers=own).status_code == 201


@pytest.fixture
def held(eager_model: TrackFormer, monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """The model does not answer before this is set."""
    go_on = threading.Event()
    forward = eager_model.forward

    def slow(*inputs: object, **named: object) -> object:
        assert go_on.wait(60)
        return forward(*inputs, **named)

    monkeypatch.setattr(eager_model, "forward", slow)
    return go_on


def refused_while_held(
    begin: Begin, held: threading.Event, when_full: str
) -> list[tuple[int, int | None]]:
    """Number and status of five pictures while the model does the first and two may wait."""
    client = begin(most_waiting=2)
    session = begun(client, when_full=when_full)
    with connect(
        f"{str(client.base_url).rstrip('/').replace('http', 'ws')}{session}/frames"
    ) as socket:
        socket.recv()
        first, *others = (png(each) for each in pictures(5))
        socket.send(first)
        while "trackformer_waiting 0.0" not in client.get("/metrics").text:
            pass
        for each in others:
            socket.send(each)
        early = [json.loads(socket.recv()) for _ in range(2)]
        held.set()
        answers = early + [json.loads(socket.recv()) for _ in range(3)]
    return [(each["frame"], each.get("status")) for each in answers]


def test_more_than_may_wait_is_refused(begin: Begin, held: threading.Event):
    answers = refused_while_held(begin, held, "refuse")
    assert answers == [(3, 429), (4, 429), (0, None), (1, None), (2, None)]


def test_or_the_newest_takes_the_place_of_the_oldest(begin: Begin, held: threading.Event):
    answers = refused_while_held(begin, held, "newest")
    assert answers == [(1, 409), (2, 409), (0, None), (3, None), (4, None)]


def test_a_disk_without_room_loses_nothing(begin: Begin, tmp_path, monkeypatch: pytest.MonkeyPatch):
    client = begin()
    session = begun(client)
    first, second = (png(each) for each in pictures(2))
    client.put(f"{session}/frames/0", content=first)
    with monkeypatch.context() as full:

        def refuse(*_arguments: object) -> None:
            raise OSError(28, "No space left on device")

        full.setattr("os.fsync", refuse)
        answer = client.put(f"{session}/frames/1", content=second)
        assert answer.status_code == 503
        assert answer.json()["detail"].endswith("cannot be written: No space left on device")
    answer = client.put(f"{session}/frames/1", content=second)
    assert (answer.status_code, answer.json()["frame_index"]) == (200, 1)


def test_the_command_refuses_in_one_line(run: Run, tmp_path):
    words = ["serve", "--sessions", tmp_path / "sessions"]
    code, _, errors = run(*words, "--host", "0.0.0.0")
    assert (code, errors) == (
        2,
        "error: --host: 0.0.0.0 can be reached by others, expected a token (--token-file)\n",
    )
    (tmp_path / "token").write_text("short\n")
    code, _, errors = run(*words, "--token-file", tmp_path / "token")
    assert (code, errors) == (
        2,
        f"error: {tmp_path / 'token'}: expected a token of 16 characters or more, got 5\n",
    )
    code, _, errors = run(*words, "--most-waiting", "0")
    assert code == 2
    assert "most_waiting" in errors
    assert not (tmp_path / "sessions").exists()


def test_the_description_needs_nothing_of_elsewhere(begin: Begin):
    client = begin()
    described = client.get("/openapi.json").json()
    assert "/sessions/{name}/frames/{number}" in described["paths"]
    page = client.get("/").text
    assert "PUT /sessions/{name}/frames/{number}" in page
    assert "http:" not in page
    assert "https:" not in page
    assert "<script" not in page


def test_a_large_picture_is_decoded_by_nobody(monkeypatch: pytest.MonkeyPatch, begin: Begin):
    client = begin()
    session = begun(client)
    monkeypatch.setattr(cv2, "imdecode", lambda *_: np.zeros(0))
    assert client.put(f"{session}/frames/0", content=bomb()).status_code == 413
