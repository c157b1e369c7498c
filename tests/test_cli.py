"""The command line: help at once, one line for a mistake, files and exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import torch

import trackformer
from commands import Run
from trackformer.errors import DataError
from trackformer.verbs import info

VERBS = (
    "track",
    "detect",
    "train",
    "evaluate",
    "tune",
    "benchmark",
    "data",
    "convert",
    "export",
    "serve",
    "demo",
    "info",
)
HELP_OF_ALL_VERBS = f"""
import sys
from trackformer.cli import run
for arguments in ([], *([verb] for verb in {VERBS!r})):
    try:
        run([*arguments, "--help"])
    except SystemExit as end:
        assert end.code == 0
print(*sys.modules, file=sys.stderr)
"""


def test_help_imports_nothing_slow():
    command = [sys.executable, "-c", HELP_OF_ALL_VERBS]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    slow = {"torch", "numpy", "pydantic", "yaml", "rich", "cv2", "av", "transformers"}
    assert not slow & set(ended.stderr.split())
    assert all(f"usage: trackformer {verb} " in ended.stdout for verb in VERBS)
    assert "--birth-score SCORE" in ended.stdout


def test_the_version_is_that_of_the_package(run: Run):
    assert run("--version") == (0, f"trackformer {trackformer.__version__}\n", "")


def test_without_a_verb_the_verbs_are_listed(run: Run):
    code, _, error = run()
    assert code == 2
    assert set(VERBS) <= set(error.split())


def test_the_module_can_be_run():
    command = [sys.executable, "-m", "trackformer", "--version"]
    assert subprocess.run(command, capture_output=True, check=True).stdout.startswith(
        b"trackformer"
    )


def test_tracking_prints_the_files_it_wrote(
    run: Run, model_file: Path, make_clip: Callable[..., Path], tmp_path: Path
):
    code, output, error = run(
        "track", make_clip(2), "--output", tmp_path / "out", "--model", model_file
    )
    assert (code, error) == (0, "")
    names = ("tracks.txt", "tracks.jsonl", "video.mp4")
    assert output.splitlines()[1:] == [str(tmp_path / "out" / name) for name in names]
    assert output.startswith("2 frames, ")


def test_tracks_are_written_in_other_formats_too(
    run: Run, model_file: Path, make_clip: Callable[..., Path], tmp_path: Path
):
    asked = ("track", make_clip(2), "--output", tmp_path / "out", "--model", model_file)
    code, output, error = run(*asked, "--no-video", "--also", "cvat,csv")
    assert (code, error) == (0, "")
    names = ("tracks.txt", "tracks.jsonl", "cvat", "csv")
    assert output.splitlines()[1:] == [str(tmp_path / "out" / name) for name in names]
    assert (tmp_path / "out" / "cvat" / "clip" / "annotations.xml").is_file()
    code, _, error = run(*asked, "--no-video", "--also", "csv")
    assert code == 2
    assert "out/csv: exists; give another name, or overwrite it (--overwrite)" in error
    code, _, error = run(*asked, "--also", "xml")
    assert code == 2
    assert error.startswith("error: --also: expected some of mot, coco, yolo, ")
    assert error.endswith("got 'xml'\n")


def test_flags_win_over_the_file_and_the_file_over_the_model(
    run: Run,
    model_file: Path,
    make_clip: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    seen = []

    def refuse(model, source, output, settings, **_):
        seen.append(settings)
        raise DataError("enough")

    monkeypatch.setattr("trackformer.tracking.videos.run.track_video", refuse)
    (tmp_path / "t.yaml").write_text("keep_score: 0.2\npatience: 3\n")
    changes = ("--settings", tmp_path / "t.yaml", "--patience", "4", "--birth-nms-iou", "off")
    arguments = (make_clip(2), "--output", tmp_path, "--model", model_file)
    assert run("track", *arguments, *changes)[2] == "error: enough\n"
    assert (seen[0].birth_score, seen[0].keep_score, seen[0].patience) == (0.05, 0.2, 4)
    assert seen[0].birth_nms_iou is None


def test_public_detections_say_where_tracks_begin(
    run: Run, model_file: Path, make_clip: Callable[..., Path], tmp_path: Path
):
    (tmp_path / "det.txt").write_text("2,-1,1,1,64,48,1\n")
    arguments = ("track", make_clip(3), "--model", model_file, "--no-video", "--output")
    public = ("--public-detections", tmp_path / "det.txt")
    assert run(*arguments, tmp_path / "out", *public)[0] == 0
    lines = (tmp_path / "out" / "tracks.txt").read_text().splitlines()
    assert {line.split(",")[1] for line in lines} == {"1"}
    assert {line.split(",")[0] for line in lines} <= {"2", "3"}
    error = run(*arguments, tmp_path / "no", "--public-detections", tmp_path / "no.txt")[2]
    assert error == f"error: {tmp_path / 'no.txt'}: no such file\n"
    assert not (tmp_path / "no").exists()


def test_detecting_takes_its_threshold(
    run: Run, model_file: Path, make_clip: Callable[..., Path], tmp_path: Path
):
    arguments = (make_clip(2), "--output", tmp_path, "--model", model_file, "--no-video")
    code, output, _ = run("detect", *arguments, "--min-score", "1")
    assert code == 0
    assert output.startswith("2 frames, 0 boxes")
    assert [Path(line).name for line in output.splitlines()[1:]] == [
        "detections.txt",
        "detections.jsonl",
    ]


def test_bfloat16_rounds_what_is_found(
    run: Run, model_file: Path, make_clip: Callable[..., Path], tmp_path: Path
):
    arguments = ("detect", make_clip(1), "--model", model_file, "--no-video", "--min-score", "0")
    found = []
    for dtype in ("float32", "bfloat16"):
        output = tmp_path / dtype
        assert run(*arguments, "--nms-iou", "off", "--output", output, "--dtype", dtype)[0] == 0
        (line,) = (output / "detections.jsonl").read_text().splitlines()
        found.append(sorted(each["score"] for each in json.loads(line)["objects"]))
    assert found[0] == pytest.approx(found[1], abs=0.1)
    assert found[0] != found[1]


def test_a_cut_video_exits_with_one_after_naming_the_files(
    run: Run, model_file: Path, cut_clip: Path, tmp_path: Path
):
    code, output, error = run("track", cut_clip, "--output", tmp_path, "--model", model_file)
    assert code == 1
    assert str(tmp_path / "video.mp4") in output
    assert error.startswith(f"error: {cut_clip}: cut off or damaged: ")
    assert error.endswith("; the frames before are kept\n")


def test_ctrl_c_names_what_was_written(
    run: Run,
    model_file: Path,
    make_clip: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    def interrupt(*_, **__):
        (tmp_path / "tracks.txt").touch()
        raise KeyboardInterrupt

    monkeypatch.setattr("trackformer.tracking.videos.run.track_video", interrupt)
    code, output, error = run("track", make_clip(2), "--output", tmp_path, "--model", model_file)
    assert (code, error) == (130, "interrupted\n")
    assert output == f"{tmp_path / 'tracks.txt'}\n"


def test_a_missing_video_leaves_no_folder_behind(run: Run, tmp_path: Path):
    code, output, error = run("track", tmp_path / "no.mp4", "--output", tmp_path / "out")
    assert (code, output) == (2, "")
    assert error.startswith(f"error: {tmp_path / 'no.mp4'}: no such file or folder")
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_folder_of_unreadable_images_is_refused(run: Run, tmp_path: Path):
    (tmp_path / "frames").mkdir()
    (tmp_path / "frames" / "1.jpg").write_text("not a picture")
    code, _, error = run("track", tmp_path / "frames", "--output", tmp_path / "out")
    assert code == 2
    assert "no readable image: 1 tried, the first is 1.jpg" in error


def test_a_checkpoint_of_another_kind_is_refused(
    run: Run, make_clip: Callable[..., Path], tmp_path: Path
):
    other = tmp_path / "other.safetensors"
    safetensors.torch.save_file({"weight": torch.zeros(1)}, other)
    code, _, error = run("track", make_clip(2), "--output", tmp_path / "out", "--model", other)
    assert code == 2
    assert error.startswith(f"error: {other}: expected weights saved by trackformer")


def test_an_unknown_setting_names_the_nearest(
    run: Run, make_clip: Callable[..., Path], tmp_path: Path
):
    (tmp_path / "t.yaml").write_text("birth_scor: 0.2\n")
    code, _, error = run(
        "track", make_clip(2), "--output", tmp_path / "out", "--settings", tmp_path / "t.yaml"
    )
    assert code == 2
    assert "unknown setting 'birth_scor'; did you mean 'birth_score'?" in error


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--birth-scor", "0.2"], "unknown argument '--birth-scor'; did you mean --birth-score?"),
        (["--zzz"], "unknown argument '--zzz'; see `trackformer track --help`"),
        (["--birth-score", "1.5"], "command line: birth_score: expected a number up to 1"),
        (["--patience", "many"], "command line: patience: expected a whole number"),
        (["--model", ""], "expected a word behind '--model', got ''"),
        (["--model="], "expected a word behind '--model', got ''"),
        (["--line", "-9,0,9"], "--line: expected x1,y1,x2,y2 of two points in pixels"),
    ],
)
def test_a_wrong_flag_is_one_line(run: Run, tmp_path: Path, words: list[str], expected: str):
    code, _, error = run("track", "clip.mp4", "--output", tmp_path / "out", *words)
    assert code == 2
    assert error.startswith(f"error: {expected}")


def test_notes_of_an_error_are_in_its_line(run: Run, monkeypatch: pytest.MonkeyPatch):
    def fail(_options):
        error = DataError("the camera is gone")
        error.add_note("and the disk\nis full")
        raise error

    monkeypatch.setattr(info, "run", fail)
    assert run("info") == (2, "", "error: the camera is gone; and the disk is full\n")


def test_a_mistake_of_ours_is_a_traceback(run: Run, monkeypatch: pytest.MonkeyPatch):
    def fail(_options):
        raise ZeroDivisionError

    monkeypatch.setattr(info, "run", fail)
    with pytest.raises(ZeroDivisionError):
        run("info")


def test_overrides_may_stand_on_both_sides_of_resume(run: Run, tmp_path: Path):
    config = tmp_path / "run.yaml"
    config.write_text("output: out\nsources: [{path: nowhere}]\n")
    code, _, error = run("train", config, "seed=x", "--resume", "optimizer.step=2")
    assert code == 2
    assert "unknown setting 'optimizer.step'; did you mean 'steps'?" in error
    assert "seed: expected a whole number" in error


def test_training_reports_bad_data_in_one_line(run: Run, tmp_path: Path):
    config = tmp_path / "run.yaml"
    source = f"{{path: {tmp_path / 'no'}}}"
    config.write_text(f"output: {tmp_path / 'out'}\ninitial: nano\nsources: [{source}]\n")
    code, _, error = run("train", config)
    assert (code, error) == (2, f"error: {tmp_path / 'no'}: no such file or folder\n")


def test_evaluating_prints_whole_numbers_and_writes_json(run: Run, tmp_path: Path):
    (tmp_path / "walk.txt").write_text("1,1,10,10,20,40,1,1,1\n2,1,12,10,20,40,1,1,1\n")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "tracks.txt").write_text(
        "1,7,10,10,20,40,0.9,-1,-1,-1\n2,7,12,10,20,40,0.9,-1,-1,-1\n"
    )
    code, output, _ = run(
        *("evaluate", "--ground-truth", tmp_path / "walk.txt", "--results", tmp_path / "out"),
        *("--json", tmp_path / "scores.json"),
    )
    assert code == 0
    assert output.count("100.0") >= 6
    assert "…" not in output
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert (scores["HOTA"], scores["MOTA"], scores["IDF1"], scores["IDSW"]) == (100, 100, 100, 0)


def test_scores_that_cannot_be_written_are_one_line(run: Run, tmp_path: Path):
    (tmp_path / "walk.txt").write_text("1,1,10,10,20,40,1,1,1\n")
    code, _, error = run(
        *("evaluate", "--ground-truth", tmp_path / "walk.txt", "--results", tmp_path / "walk.txt"),
        *("--json", tmp_path / "walk.txt" / "scores.json"),
    )
    assert (code, "cannot be written" in error) == (2, True)


def test_info_names_versions_devices_and_models(run: Run):
    code, output, _ = run("info")
    assert code == 0
    packages = ("trackformer", "torch", "transformers", "python")
    for name in (*packages, "devices", "bundled models", "freed memory"):
        assert f"\n{name} " in f"\n{output}"
