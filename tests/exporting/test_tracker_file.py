"""The tracker as one file: the ids of `Tracker`, from the command line, without torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from commands import Run
from trackformer import CheckpointError, ConfigError, DataError
from trackformer.exporting import tracker_file as exporting
from trackformer.tracking.tracker_file import TrackerFile


def test_ids_and_boxes_are_those_of_the_weights(tracker_file: Path, frames, expected):
    tracker = TrackerFile(tracker_file)
    for frame, ours in zip(frames, expected, strict=True):
        found = tracker.update(frame)
        assert found.track_ids.tolist() == ours.track_ids.tolist()
        np.testing.assert_allclose(found.boxes_xyxy, ours.boxes_xyxy.numpy(), atol=0.05)
        assert (found.frame_index, found.class_names) == (ours.frame_index, ("person",))
    assert tracker.num_dropped == 0


def test_after_a_reset_ids_start_at_1_again(tracker_file: Path, frames):
    tracker = TrackerFile(tracker_file)
    first = [tracker.update(frame).track_ids.tolist() for frame in frames[:2]]
    tracker.reset()
    assert [tracker.update(frame).track_ids.tolist() for frame in frames[:2]] == first


def test_thresholds_can_be_changed_and_nothing_else(tracker_file: Path, frames):
    tracker = TrackerFile(tracker_file, changes={"birth_score": 1.0})
    assert len(tracker.update(frames[0])) == 0
    with pytest.raises(ConfigError, match="max_tracks: fixed when the tracker was exported"):
        TrackerFile(tracker_file, changes={"max_tracks": 3})


def test_wrong_files_and_frames_are_refused(tracker_file: Path, nano_file: Path):
    with pytest.raises(CheckpointError, match="expected a tracker that"):
        TrackerFile(nano_file)
    with pytest.raises(DataError, match="frame: expected height x width x 3"):
        TrackerFile(tracker_file).update(np.zeros((4, 4), np.uint8))


def test_the_command_tracks_without_torch(tracker_file: Path, make_clip, tmp_path: Path):
    arguments = ["track", make_clip(2), "--model", tracker_file, "--output", tmp_path / "out"]
    code = (
        "import sys; from trackformer.cli import run; code = run(sys.argv[1:]); "
        "assert code or not {'torch', 'scipy'} & set(sys.modules); sys.exit(code)"
    )
    command = [sys.executable, "-c", code, *map(str, arguments)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("2 frames, ")
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"tracks.txt", "tracks.jsonl", "video.mp4"}


def test_what_such_a_file_cannot_do_is_said(run: Run, tracker_file: Path, make_clip, tmp_path):
    arguments = ("--model", tracker_file, "--output", tmp_path / "out")
    code, _, error = run("track", make_clip(1), *arguments, "--max-tracks", "5")
    assert (code, "max_tracks: fixed when the tracker was exported" in error) == (2, True)
    code, _, error = run("track", make_clip(1), *arguments, "--trace")
    assert (code, error) == (
        2,
        f"error: --trace: not with a tracker in one file ({tracker_file})\n",
    )
    error = run("track", make_clip(1), *arguments, "--classes", "person")[2]
    assert error == f"error: --classes: not with a tracker in one file ({tracker_file})\n"
    assert not (tmp_path / "out").exists()


@pytest.fixture
def translated(nano_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of torch's translation, which takes half a minute, a file made before."""
    monkeypatch.setattr(exporting, "translated", lambda *_: nano_file.read_bytes())


@pytest.mark.usefixtures("translated")
def test_a_tracker_with_other_ids_is_not_kept(run: Run, tmp_path: Path):
    path = tmp_path / "other.onnx"
    code, _, error = run("export", "--tracker", "--model", "nano-open", "--output", path)
    assert code == 2
    assert error.startswith(f"error: {path}: not written: in frame 1 of the bundled clip it would")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("translated")
def test_eight_bits_are_calibrated_on_what_is_named(
    run: Run, make_clip, frames, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setattr(exporting, "_clip", lambda: iter(frames[:3]))
    path = tmp_path / "int8.onnx"
    code, output, error = run("export", "--tracker", "--output", path, "--int8", make_clip(3))
    assert (code, error) == (0, "")
    name, exact, quantized = output.splitlines()
    assert name == str(path)
    assert exact == "the same identities as the tracker's in 3 frames of the bundled clip"
    assert quantized.startswith("in eight bits, in ")
    assert path.stat().st_size < 3_000_000


def test_slots_are_counted_and_belong_to_trackers(run: Run, tmp_path: Path):
    output = ("--output", tmp_path / "a.onnx")
    assert run("export", *output, "--slots", "5")[2] == "error: --slots: only with --tracker\n"
    assert run("export", *output, "--seed", "5")[2] == "error: --seed: only with --int8\n"
    assert run("export", *output, "--tracker", "--slots", "0")[2] == (
        "error: slots: expected 1 or more, got 0\n"
    )
