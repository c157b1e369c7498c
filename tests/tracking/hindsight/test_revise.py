"""Tracks of a recording, seen from its end."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.commands import Run

from trackformer.tracking.hindsight.filling import filled
from trackformer.tracking.hindsight.joining import join
from trackformer.tracking.hindsight.smoothing import smoothed
from trackformer.tracking.hindsight.track import Track


def walker(
    track_id: int, frames: list[int], speed: float = 1.0, *, start: float = 0.0, label: int = 0
) -> Track:
    """Somebody 20 pixels wide and 40 high who walks to the right from frame 0 on."""
    lefts = start + speed * np.array(frames, dtype=np.float64)
    boxes = np.stack([lefts, 0 * lefts, lefts + 20, 0 * lefts + 40], axis=1)
    return Track(
        track_id=track_id,
        label=label,
        frames=np.array(frames),
        boxes_xyxy=boxes,
        scores=np.full(len(frames), 0.5),
        is_filled=np.zeros(len(frames), dtype=bool),
    )


def ids_of(tracks: list[Track]) -> list[tuple[int, int]]:
    """Track id and number of boxes of each."""
    return [(track.track_id, len(track.frames)) for track in tracks]


def test_a_gap_is_filled_evenly_and_says_so():
    track = filled(walker(1, [0, 1, 4, 5], speed=2.0))
    assert track.frames.tolist() == [0, 1, 2, 3, 4, 5]
    assert track.boxes_xyxy[:, 0] == pytest.approx([0, 2, 4, 6, 8, 10])
    assert track.is_filled.tolist() == [False, False, True, True, False, False]


def test_a_gap_of_30_frames_is_filled_and_a_longer_one_is_not():
    assert len(filled(walker(1, [0, 31])).frames) == 32
    assert len(filled(walker(1, [0, 32])).frames) == 2


def test_even_motion_is_not_changed_by_smoothing():
    track = walker(1, list(range(30)), speed=3.0)
    assert smoothed(track).boxes_xyxy == pytest.approx(track.boxes_xyxy, abs=1e-6)


def test_trembling_boxes_come_closer_to_the_way():
    track = walker(1, list(range(40)))
    noise = np.random.default_rng(0).normal(0, 2, (40, 4))
    trembling = Track(1, 0, track.frames, track.boxes_xyxy + noise, track.scores, track.is_filled)
    before = np.abs(trembling.boxes_xyxy - track.boxes_xyxy).mean()
    after = np.abs(smoothed(trembling).boxes_xyxy - track.boxes_xyxy).mean()
    assert after < 0.6 * before


def test_two_boxes_are_too_few_to_smooth():
    track = walker(1, [0, 1])
    assert np.array_equal(smoothed(track).boxes_xyxy, track.boxes_xyxy)


def test_a_track_that_begins_where_another_ended_is_the_same_identity():
    tracks = join([walker(1, list(range(10))), walker(2, list(range(14, 20)))])
    assert ids_of(tracks) == [(1, 16)]


@pytest.mark.parametrize(
    "later",
    [
        walker(2, list(range(30, 40))),  # 20 frames later
        walker(2, list(range(14, 20)), start=60.0),  # too far away
        walker(2, list(range(14, 20)), label=1),  # of another class
        walker(2, list(range(9, 20))),  # at the same time
    ],
)
def test_others_stay_apart(later: Track):
    assert ids_of(join([walker(1, list(range(10))), later])) == [(1, 10), (2, len(later.frames))]


def test_the_cheapest_joins_of_all_are_made():
    first, second = walker(1, list(range(10))), walker(2, list(range(10)), start=8.0)
    # Both of the later ones would fit behind both; each follows the one it is nearest to.
    later = [walker(3, list(range(12, 20)), start=8.0), walker(4, list(range(12, 20)))]
    assert [
        (track.track_id, track.boxes_xyxy[-1, 0]) for track in join([first, second, *later])
    ] == [(1, 19), (2, 27)]


def test_fragments_follow_each_other_to_the_end():
    parts = [walker(1, [0, 1, 2]), walker(2, [4, 5, 6]), walker(3, [8, 9, 10])]
    assert ids_of(join(parts)) == [(1, 9)]


def test_the_command_writes_revised_files_and_draws_them(
    run: Run, model_file: Path, make_clip: Callable[..., Path], tmp_path: Path
):
    clip = make_clip(6)
    asked = ("track", clip, "--model", model_file, "--output")
    assert run(*asked, tmp_path / "online")[0] == 0
    code, output, error = run(*asked, tmp_path / "out", "--offline", "--also", "csv")
    assert (code, error) == (0, "")
    names = ("tracks.txt", "tracks.jsonl", "video.mp4", "csv")
    assert output.splitlines()[1:] == [str(tmp_path / "out" / name) for name in names]
    lines = [
        [json.loads(line) for line in (tmp_path / name / "tracks.jsonl").read_text().splitlines()]
        for name in ("online", "out")
    ]
    assert [line["frame_index"] for line in lines[1]] == list(range(6))
    assert [line["time_s"] for line in lines[1]] == [line["time_s"] for line in lines[0]]
    assert lines[1][0]["video"] == lines[0][0]["video"]
    boxes = sum(len(line["objects"]) for line in lines[1])
    assert len((tmp_path / "out" / "tracks.txt").read_text().splitlines()) == boxes
    assert output.startswith(f"6 frames, {boxes} boxes")


def test_several_sources_are_refused(run: Run, make_clip: Callable[..., Path], tmp_path: Path):
    clip = make_clip(2)
    code, _, error = run("track", clip, clip, "--offline", "--output", tmp_path / "out")
    assert (code, error) == (2, "error: --offline: expected one SOURCE, got 2\n")
