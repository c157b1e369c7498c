"""Sessions over HTTP and WebSocket answer what a tracker of one's own would."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import numpy as np
import pytest
from websockets.sync.client import connect

from commands import HANGS_S
from serving.conftest import Begin, begun, pictures, png
from trackformer import Tracker
from trackformer.models.trackformer import TrackFormer
from trackformer.tracking.videos.outputs import object_records

NUM_SESSIONS = 8
NUM_FRAMES = 3


def alone(model: TrackFormer, frames: list[np.ndarray]) -> list[list[dict[str, Any]]]:
    """What a tracker of one's own finds."""
    tracker = Tracker(model)
    return [json.loads(json.dumps(object_records(tracker.update(each)))) for each in frames]


def followed(client: httpx.Client, frames: list[np.ndarray]) -> list[list[dict[str, Any]]]:
    session = begun(client)
    answers = [
        client.put(f"{session}/frames/{number}", content=png(frame))
        for number, frame in enumerate(frames)
    ]
    assert [each.status_code for each in answers] == [200] * len(frames)
    assert [each.json()["frame_index"] for each in answers] == list(range(len(frames)))
    return [each.json()["objects"] for each in answers]


def talked(address: str, frames: list[np.ndarray]) -> list[list[dict[str, Any]]]:
    with (
        httpx.Client(base_url=address, timeout=HANGS_S) as client,
        connect(f"{address.replace('http', 'ws')}{begun(client)}/frames") as socket,
    ):
        assert json.loads(socket.recv())["next_frame"] == 0
        answers = []
        for frame in frames:
            socket.send(png(frame))
            answers.append(json.loads(socket.recv()))
    assert [each["frame"] for each in answers] == list(range(len(frames)))
    return [each["objects"] for each in answers]


@pytest.mark.parametrize("most_together", [1, 8])
def test_eight_sessions_at_once_find_what_eight_runs_find(
    begin: Begin, eager_model: TrackFormer, most_together: int
):
    client = begin(most_together=most_together)
    address = str(client.base_url).rstrip("/")
    videos = [pictures(NUM_FRAMES, seed) for seed in range(NUM_SESSIONS)]
    with ThreadPoolExecutor(NUM_SESSIONS) as clients:
        half = NUM_SESSIONS // 2
        asked = [clients.submit(followed, client, each) for each in videos[:half]]
        asked += [clients.submit(talked, address, each) for each in videos[half:]]
        answers = [each.result() for each in asked]
    for frames, found in zip(videos, answers, strict=True):
        expected = alone(eager_model, frames)
        assert any(expected)
        if most_together == 1:
            assert found == expected
            continue
        # Together, sums run in another order: the same objects, within rounding.
        assert [[each["track_id"] for each in row] for row in found] == [
            [each["track_id"] for each in row] for row in expected
        ]
        for row, own in zip(found, expected, strict=True):
            boxes = [[each["box_xyxy"] for each in objects] for objects in (row, own)]
            np.testing.assert_allclose(*boxes, atol=0.02)
    counted = client.get("/metrics").text
    assert f'trackformer_frames_total{{outcome="tracked"}} {NUM_SESSIONS * NUM_FRAMES}.0' in counted
    assert f"trackformer_sessions {NUM_SESSIONS}.0" in counted


def test_a_frame_that_is_sent_again_has_the_same_answer(begin: Begin):
    client = begin()
    session = begun(client)
    first, second = (png(each) for each in pictures(2))
    answer = client.put(f"{session}/frames/0", content=first)
    assert client.put(f"{session}/frames/0", content=first).content == answer.content
    assert client.get(session).json()["next_frame"] == 1
    assert client.get(session).json()["last"] == answer.json()
    other = client.put(f"{session}/frames/0", content=second)
    assert (other.status_code, other.json()["detail"]) == (
        409,
        "frame 0: was another picture before",
    )
    # Numbers may be left out, but not be used again.
    assert client.put(f"{session}/frames/7", content=second).json()["frame_index"] == 1
    early = client.put(f"{session}/frames/3", content=first)
    assert (early.status_code, early.json()["detail"]) == (409, "frame 3: expected 8 or later")


def test_frames_may_have_times_and_sessions_settings_of_their_own(
    begin: Begin, eager_model: TrackFormer
):
    client = begin()
    session = begun(client, settings={"patience_s": 0.5})
    frames = pictures(3)
    answers = [
        client.put(f"{session}/frames/{number}?time_s={number / 2}", content=png(frame)).json()
        for number, frame in enumerate(frames)
    ]
    settings = Tracker(eager_model).settings.model_copy(update={"patience_s": 0.5})
    tracker = Tracker(eager_model, settings)
    for number, frame in enumerate(frames):
        expected = object_records(tracker.update(frame, time_s=number / 2))
        assert answers[number]["objects"] == json.loads(json.dumps(expected))
        assert answers[number]["time_s"] == number / 2
    untimed = client.put(f"{session}/frames/3", content=png(frames[0]))
    assert untimed.status_code == 422
    assert "patience_s: expected frames with times" in untimed.json()["detail"]


def test_over_a_websocket_pictures_may_have_numbers_and_times(begin: Begin):
    client = begin()
    session = begun(client)
    address = f"{str(client.base_url).rstrip('/').replace('http', 'ws')}{session}/frames"
    first, second = (png(each) for each in pictures(2))
    with connect(address) as socket:
        socket.recv()
        socket.send('{"frame": 4, "time_s": 1.5}')
        socket.send(first)
        answer = json.loads(socket.recv())
        assert (answer["frame"], answer["time_s"]) == (4, 1.5)
        socket.send('{"time_s": 1.25}')
        socket.send(second)
        refused = json.loads(socket.recv())
        assert (refused["frame"], refused["status"]) == (5, 422)
        assert "expected more than the 1.5 of the frame before" in refused["detail"]
    # Another connection goes on; a picture that was answered is answered once more.
    with connect(address) as socket:
        said = json.loads(socket.recv())
        assert (said["next_frame"], said["last"]) == (5, answer)
        socket.send('{"frame": 4}')
        socket.send(first)
        assert json.loads(socket.recv()) == answer


def test_a_session_ends_when_it_is_told_to_or_is_idle(begin: Begin, tmp_path):
    client = begin(idle_s=0.2)
    session = begun(client)
    assert client.delete(session).status_code == 204
    assert client.get(session).status_code == 404
    begun(client)
    folder = tmp_path / "sessions"
    while any(folder.iterdir()):
        pass
    assert "trackformer_sessions 0.0" in client.get("/metrics").text
