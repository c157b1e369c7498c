"""Track queries beside trackers that match boxes, on two squares that cross."""

import json

import numpy as np
import pytest

from synthetic_videos import SIDE, positions, write_crossing
from trackformer.cli import run
from trackformer.data.results import ResultFrame
from trackformer.evaluation.trials.peers import PEERS, track_detections

pytest.importorskip("trackers")
NUM_FRAMES = 40


def perfect_detections() -> list[ResultFrame]:
    corners = positions(NUM_FRAMES).astype(float)
    boxes = np.concatenate([corners, corners + SIDE], axis=2)
    return [
        ResultFrame(i, np.full(2, -1), boxes[i], np.array([0.9, 0.9])) for i in range(NUM_FRAMES)
    ]


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_a_peer_follows_two_objects_through_perfect_detections(peer):
    results = track_detections(peer, perfect_detections(), 30.0, {})
    assert [each.frame_index for each in results] == list(range(NUM_FRAMES))
    found = {track for each in results for track in each.track_ids.tolist()}
    assert len(found) == 2
    assert min(found) >= 1
    assert len(results[-1].track_ids) == 2


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_every_choice_of_parameters_is_one_the_peer_takes(peer):
    nothing = ResultFrame(0, np.zeros(0, int), np.zeros((0, 4)), np.zeros(0))
    choices = list(peer.choices())
    assert {} not in choices
    for choice in choices:
        assert len(track_detections(peer, [nothing], 30.0, choice)[0].track_ids) == 0


def test_the_camera_motion_of_frames_is_looked_at():
    peer = next(peer for peer in PEERS if peer.looks_at_frames)
    seen = []

    def read():
        seen.append(1)
        return np.zeros((64, 64, 3), np.uint8)

    track_detections(peer, perfect_detections()[:3], 30.0, {}, [read] * 3)
    assert len(seen) == 3


def test_the_table_has_ours_first_and_each_peer_twice(model_file, tmp_path, capsys):
    folder = write_crossing(tmp_path / "crossing", num_frames=3)
    given = tmp_path / "given"
    given.mkdir()
    (given / "crossing.txt").write_text("1,-1,5,13,20,20,0.9,-1,-1,-1\n")
    scores = tmp_path / "scores.json"
    words = ["benchmark", str(folder), "--model", str(model_file), "--json", str(scores)]
    assert run([*words, "--detections", str(given)]) == 0
    printed = capsys.readouterr().out
    assert "track queries" in printed
    assert "ms of process time" in printed
    rows = json.loads(scores.read_text())["rows"]
    assert [row["tracker"] for row in rows[:3]] == ["track queries", "SORT", "SORT"]
    assert len(rows) == 1 + 2 * 2 * len(PEERS)
    for default, best in zip(rows[1::2], rows[2::2], strict=True):
        assert (default["tracker"], default["detections"]) == (best["tracker"], best["detections"])
        assert default["chosen"] == {}
        assert best["chosen"] != {}
