"""`trackformer track --proposals`: where they come from, and what does not fit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from trackformer import cli
from trackformer.errors import DataError

Run = Callable[..., str]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command; returns its error output."""

    def run_command(*arguments: object) -> str:
        cli.run([str(argument) for argument in arguments])
        return capsys.readouterr().err

    return run_command


def test_proposals_are_asked_about_from_files_and_from_a_sequences_own(
    run: Run, model_file: Path, make_clip: Callable[..., Path], tmp_path: Path
):
    own = tmp_path / "sequence" / "det" / "det.txt"
    own.parent.mkdir(parents=True)
    own.write_text("1,-1,9,9,20,30,0.9\n2,-1,9,9,20,30,0.1\n")
    seen: list[list[int]] = []

    def look(_model, source, *_, proposals, **__):
        seen.append([len(proposals.in_frame(frame)) for frame in source])
        raise DataError("enough")

    arguments = ("--model", model_file, "--output", tmp_path / "out", "--proposals")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("trackformer.tracking.videos.run.track_video", look)
        run("track", make_clip(2), *arguments, own)
        run("track", make_clip(2), *arguments, own, "--proposal-score", "0.1")
    assert seen == [[1, 0], [1, 1]]
    error = run("track", tmp_path / "none", *arguments)
    assert error == f"error: {tmp_path / 'none' / 'det' / 'det.txt'}: no such file\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("a.mp4", "--proposal-score", "0.5"), "--proposal-score: only with --proposals"),
        (
            ("a.mp4", "b.mp4", "--proposals", "det.txt"),
            "--proposals: expected one SOURCE for one file of detections, got 2; without a file, "
            "each sequence's own det/det.txt is read",
        ),
    ],
)
def test_proposals_that_fit_no_source_are_refused(run: Run, arguments, message, tmp_path: Path):
    assert run("track", *arguments, "--output", tmp_path) == f"error: {message}\n"
