"""The way of a new user: docs/tutorial-own-data.md, its commands taken from the page and run."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pytest

from trackformer import cli

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "tutorial-own-data.md"
PROMPT = "    $ "
SMALL_INPUT = "{area: 15360, multiple_of: 32}"
SHORTER = {
    "--sequences 12": "--sequences 4",
    "--sequences 4 --frames 40 --seed 1": "--sequences 1 --frames 6 --seed 1",
    "--sequences 6 --frames 40 --seed 2": "--sequences 1 --frames 6 --seed 2",
    "configs/own_data.yaml": "configs/own_data.yaml optimizer.steps=4 validation.every=2 workers=0 "
    f"clips.canvas=[96,160] input={shlex.quote(SMALL_INPUT)}",
}
"""Parts of the page's commands that are replaced by what takes seconds; all else runs as it is."""


@dataclass(frozen=True, slots=True)
class Command:
    """What one types, and what the page says is printed."""

    typed: str
    shown: tuple[str, ...]

    @property
    def shorter(self) -> str:
        """The same on fewer frames, with fewer steps."""
        text = self.typed
        for part, replacement in SHORTER.items():
            text = text.replace(part, replacement)
        return text


class Outcome(NamedTuple):
    """Exit code, and what was printed."""

    code: int
    printed: str


def commands_of(page: str) -> list[Command]:
    """Every command behind a `$`, with the lines that a here-document or a backslash adds."""
    commands = []
    for block in re.split(r"^    \$ ", page, flags=re.MULTILINE)[1:]:
        lines = re.match(r"(.*\n)((?:    .*\n|\n(?=    ))*)", block)
        assert lines is not None
        typed, rest = [lines[1].rstrip("\n")], [line[4:] for line in lines[2].split("\n")]
        end = re.search(r"<<'(\w+)'", typed[0])
        while typed[-1].endswith("\\") or (end is not None and typed[-1] != end[1]):
            typed.append(rest.pop(0))
        commands.append(Command("\n".join(typed), tuple(line for line in rest if line)))
    return commands


def run(command: Command, capsys: pytest.CaptureFixture[str]) -> Outcome:
    """As in a shell; the program itself in this process, because it takes long to import."""
    words = shlex.split(command.shorter.replace("\\\n", " "))
    if words[0] == "trackformer":
        capsys.readouterr()
        code = cli.run(words[1:])
        printed = capsys.readouterr()
        return Outcome(code, printed.out + printed.err)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", command.shorter],
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    return Outcome(done.returncode, done.stdout + done.stderr)


def is_refused(command: Command) -> bool:
    """Whether the page says that this goes wrong."""
    return any(line.startswith("error: ") for line in command.shown)


@pytest.fixture(scope="module")
def page() -> str:
    return PAGE.read_text()


def test_the_whole_page_runs_as_it_says(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    codes, outcome = [], Outcome(0, "")
    for command in commands_of(page):
        if command.typed == "echo $?":
            assert command.shown == (str(outcome.code),)
            codes.append(outcome.code)
            continue
        outcome = run(command, capsys)
        may_fail = command.typed.startswith("trackformer data check") or is_refused(command)
        assert outcome.code == 0 or may_fail, outcome.printed
        # Findings and refusals do not depend on how many videos there are.
        findings = [line for line in command.shown if line.startswith(("│ error", "error:"))]
        assert [line for line in findings if line not in outcome.printed] == []
    assert codes == [1, 0]
    output = tmp_path / "runs" / "tutorial"
    assert (output / "check.html").exists()
    assert {path.name for path in (output / "tracked").iterdir()} == {
        "tracks.txt",
        "tracks.jsonl",
        "video.mp4",
        "state.safetensors",
    }


def test_what_the_test_shortens_is_on_the_page(page: str):
    assert [part for part in SHORTER if part not in page] == []


def test_the_page_shows_exactly_the_four_planted_mistakes(page: str):
    check = next(c for c in commands_of(page) if c.typed.startswith("trackformer data check"))
    assert [line.split()[1] for line in check.shown if line.startswith("│ error")] == ["error"] * 4
    assert any("4 errors, 0 warnings, 0 notes" in line for line in check.shown)
