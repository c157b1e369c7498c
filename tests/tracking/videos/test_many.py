"""Many recordings: each as if it were alone, failures named, what is finished left alone."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from commands import Run


@pytest.fixture
def videos(make_clip: Callable[..., Path], tmp_path: Path) -> Path:
    """Two clips and a file that is none."""
    folder = tmp_path / "videos"
    folder.mkdir()
    for name, num_frames in (("a.mp4", 4), ("c.mp4", 6)):
        make_clip(num_frames, name).rename(folder / name)
    (folder / "b.mp4").write_text("no video")
    return folder


def summary(folder: Path) -> list[dict[str, str]]:
    with (folder / "runs.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_folder_of_videos_is_tracked_one_by_one(
    run: Run, videos: Path, model_file: Path, tmp_path: Path
):
    words = ["track", videos, "--model", model_file, "--output", tmp_path / "out", "--no-video"]
    code, printed, errors = run(*words)
    assert code == 1
    assert "2 of 3 videos finished" in printed
    assert errors.startswith(f"error: {videos / 'b.mp4'}: ")
    assert [
        (row["source"][-5:], row["frames"], row["state"]) for row in summary(tmp_path / "out")
    ] == [
        ("a.mp4", "4", "finished"),
        ("b.mp4", "0", "failed"),
        ("c.mp4", "6", "finished"),
    ]
    assert "cannot be opened as a video" in summary(tmp_path / "out")[1]["why"]
    assert not (tmp_path / "out" / "b").exists()
    alone = tmp_path / "alone"
    run("track", videos / "c.mp4", "--model", model_file, "--output", alone, "--no-video")
    for name in ("tracks.txt", "tracks.jsonl"):
        assert (tmp_path / "out" / "c" / name).read_bytes() == (alone / name).read_bytes()


def test_finished_videos_are_left_alone_and_others_tried_again(
    run: Run, videos: Path, make_clip: Callable[..., Path], model_file: Path, tmp_path: Path
):
    out = tmp_path / "out"
    words = ["track", videos, "--model", model_file, "--output", out, "--no-video", "--resume"]
    run(*words)
    before = (out / "a" / "tracks.txt").stat().st_mtime_ns
    make_clip(3, "b.mp4").rename(videos / "b.mp4")
    code, printed, _ = run(*words)
    assert code == 0
    assert printed.count("nothing was left to do") == 2
    assert "3 of 3 videos finished" in printed
    assert (out / "a" / "tracks.txt").stat().st_mtime_ns == before
    assert {row["state"] for row in summary(out)} == {"finished"}


def test_what_is_there_is_not_replaced_by_chance(
    run: Run, videos: Path, model_file: Path, tmp_path: Path
):
    words = ["track", videos, "--model", model_file, "--output", tmp_path / "out", "--no-video"]
    run(*words)
    code, _, errors = run(*words)
    assert code == 1
    assert errors.count("exists already") == 2


@pytest.mark.slow
def test_processes_find_what_one_finds(run: Run, videos: Path, model_file: Path, tmp_path: Path):
    words = ["track", videos / "a.mp4", videos / "c.mp4", "--model", model_file, "--no-video"]
    assert run(*words, "--jobs", "1", "--output", tmp_path / "one")[0] == 0
    code, printed, errors = run(*words, "--jobs", "2", "--output", tmp_path / "two")
    assert (code, errors) == (0, "")
    assert "2 of 2 videos finished" in printed
    for name in ("a", "c"):
        rows = [
            (tmp_path / folder / name / "tracks.jsonl").read_bytes() for folder in ("one", "two")
        ]
        assert rows[0] == rows[1]


@pytest.mark.parametrize("flag", ["--trace", "--proposals"])
def test_what_belongs_to_one_video_is_refused(run: Run, videos: Path, tmp_path: Path, flag: str):
    code, _, errors = run("track", videos, "--output", tmp_path / "out", flag)
    assert code == 2
    assert errors.startswith(f"error: {flag}: not for videos that are tracked one after another")


def test_many_videos_have_no_lines_for_a_pipe(run: Run, videos: Path):
    code, _, errors = run("track", videos, "--output", "-")
    expected = "error: --output -: expected one video, got several, --jobs or --cluster\n"
    assert (code, errors) == (2, expected)
    assert not Path("-").exists()


def test_a_list_with_names_of_a_store_wants_a_cluster(run: Run, tmp_path: Path):
    (tmp_path / "list.txt").write_text("s3://bucket/a.mp4\n")
    code, _, errors = run("track", tmp_path / "list.txt", "--output", tmp_path / "out")
    expected = "error: s3://bucket/a.mp4: stores are read and written with --cluster only\n"
    assert (code, errors) == (2, expected)


@pytest.mark.parametrize("jobs", [[], pytest.param(["--jobs", "2"], marks=pytest.mark.slow)])
def test_what_is_wrong_with_the_model_is_said_once_and_nothing_begins(
    run: Run, videos: Path, tmp_path: Path, jobs: list[str]
):
    words = ["track", videos, "--output", tmp_path / "out", "--model", tmp_path / "no.safetensors"]
    code, printed, errors = run(*words, *jobs)
    assert (code, printed, errors.count("error: ")) == (2, "", 1)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("source", ["", "a.mp4"])
def test_classes_that_the_model_does_not_know_are_said_once(
    run: Run, videos: Path, model_file: Path, tmp_path: Path, source: str
):
    words = ["track", videos / source, "--output", tmp_path / "out", "--model", model_file]
    code, printed, errors = run(*words, "--classes", "dragon")
    assert (code, printed, errors.count("error: ")) == (2, "", 1)
    assert not (tmp_path / "out").exists()


def test_lines_can_go_to_the_next_program(run: Run, videos: Path, model_file: Path, tmp_path: Path):
    words = ["track", videos / "a.mp4", "--model", model_file]
    code, printed, errors = run(*words, "--output", "-")
    assert code == 0
    assert "4 frames, " in errors
    run(*words, "--output", tmp_path / "out", "--no-video")
    lines = (tmp_path / "out" / "tracks.jsonl").read_text().splitlines()
    # The first line of the file also says what the video is.
    assert printed.splitlines()[1:] == lines[1:]
    code, _, errors = run(*words, "--output", "-", "--resume")
    assert (code, errors) == (2, "error: --resume: expected a folder for --output, got -\n")
