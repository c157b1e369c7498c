"""The path of a user: a video becomes tracks, tracks become scores; and the user may stop it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from commands import HANGS_S
from synthetic_videos import write_crossing
from trackformer.cli import run
from trackformer.data.formats.mot.reading import read_mot_results


def test_tracks_scored_against_themselves_are_perfect(
    model_file: Path, make_clip: Callable[..., Path], tmp_path: Path
):
    out = tmp_path / "walk"
    arguments = ["--output", str(out), "--model", str(model_file), "--no-video"]
    assert run(["track", str(make_clip(4)), *arguments]) == 0
    truth = tmp_path / "truth.txt"
    rows = (line.split(",")[:6] for line in (out / "tracks.txt").read_text().splitlines())
    truth.write_text("".join(",".join([*row, "1", "1", "1"]) + "\n" for row in rows))
    scores = tmp_path / "scores.json"
    words = ["--ground-truth", str(truth), "--results", str(out), "--json", str(scores)]
    assert run(["evaluate", *words]) == 0
    assert json.loads(scores.read_text())["HOTA"] == pytest.approx(100)


def test_a_model_is_scored_on_the_frames_of_the_ground_truth(model_file: Path, tmp_path: Path):
    sequence = write_crossing(tmp_path / "crossing", num_frames=4)
    scores, kept = tmp_path / "scores.json", tmp_path / "kept"
    words = ["--ground-truth", str(sequence), "--model", str(model_file)]
    assert run(["evaluate", *words, "--output", str(kept), "--json", str(scores)]) == 0
    from_model = json.loads(scores.read_text())
    words = ["--ground-truth", str(sequence), "--results", str(kept)]
    assert run(["evaluate", *words, "--json", str(scores)]) == 0
    from_files = json.loads(scores.read_text())
    assert list(kept.iterdir()) == [kept / "crossing.txt"]
    assert from_files["IDs"] == from_model["IDs"] > 0
    assert from_files["HOTA"] == pytest.approx(from_model["HOTA"], abs=0.1)


def test_the_demonstration_replaces_an_earlier_one(
    model_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    command = ["demo", "--output", str(tmp_path / "demo"), "--model", str(model_file)]
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "tracks.txt").write_text("of an earlier demonstration")
    assert run(command) == 0
    names = ("tracks.txt", "tracks.jsonl", "video.mp4", "metrics.json")
    output = capsys.readouterr().out
    assert all(str(tmp_path / "demo" / name) in output for name in names)
    metrics = json.loads((tmp_path / "demo" / "metrics.json").read_text())
    assert 0 <= metrics["HOTA"] <= 100
    assert output.splitlines()[-1].startswith(f"HOTA {metrics['HOTA']:.1f}  MOTA ")
    assert len((tmp_path / "demo" / "tracks.jsonl").read_text().splitlines()) == 120


def test_ctrl_c_leaves_valid_files(model_file: Path, tmp_path: Path):
    out = tmp_path / "out"
    command = [sys.executable, "-m", "trackformer", "track", str(many_images(tmp_path))]
    command += ["--output", str(out), "--model", str(model_file)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        wait_for_lines(out / "tracks.jsonl", 3, process)
        process.send_signal(signal.SIGINT)
        output, error = process.communicate(timeout=HANGS_S)
    assert (process.returncode, error) == (130, "interrupted\n")
    assert output.splitlines() == [
        str(out / name) for name in ("tracks.txt", "tracks.jsonl", "video.mp4")
    ]
    num_lines = len([json.loads(line) for line in (out / "tracks.jsonl").read_text().splitlines()])
    last_row = read_mot_results(out / "tracks.txt")[-1].frame_index
    with av.open(str(out / "video.mp4")) as container:
        num_pictures = sum(1 for _ in container.decode(video=0))
    # The signal may come between the writing of one file and of the next.
    assert 3 <= num_lines <= last_row + 1 <= num_lines + 1
    assert num_lines - 1 <= num_pictures <= num_lines
    assert sorted(path.name for path in out.iterdir()) == [
        "state.safetensors",
        "tracks.jsonl",
        "tracks.txt",
        "video.mp4",
    ]


def many_images(folder: Path) -> Path:
    """More frames than can be tracked before the interruption."""
    frames = folder / "frames"
    frames.mkdir()
    noise = np.random.default_rng(0).integers(0, 255, (48, 64, 3), dtype=np.uint8)
    cv2.imwrite(str(frames / "0.png"), noise)
    for index in range(1, 5000):
        (frames / f"{index}.png").symlink_to("0.png")
    return frames


def wait_for_lines(path: Path, count: int, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + HANGS_S
    while not path.exists() or path.read_bytes().count(b"\n") < count:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
