"""Commands of the pages: all are understood, and the story of a page runs in a tiny world."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from commands import Run
from synthetic_videos import write_crossing
from trackformer import cli
from trackformer.tracking.tracing.reading import open_trace_file

DOCS = Path(__file__).parents[2] / "docs"
TYPED = re.compile(r"^    (?:\$ )?(?:[^#]* \| )?(trackformer [a-z].*)$")
PAGES = sorted(path.name for path in DOCS.glob("*.md"))


def typed_on(page: str) -> Iterator[list[str]]:
    """The words of every `trackformer` command of a page, without comments and pipes."""
    lines = (DOCS / page).read_text().replace("\\\n", " ").splitlines()
    for number, line in enumerate(lines):
        if found := TYPED.match(line):
            words = _words(found[1], lines[number + 1 :])
            yield words[: words.index("|")] if "|" in words else words


def _words(typed: str, following: list[str]) -> list[str]:
    """Without the program's name; a quoted word may go on in the next lines."""
    try:
        return shlex.split(typed, comments=True)[1:]
    except ValueError:
        return _words(f"{typed} {following[0]}", following[1:])


def one_of(word: str) -> str:
    """The first of `mot|coco|...`; what is in brackets may be left out, and is typed here."""
    return word.strip("[]").split("|")[0]


def first_words(page: str, start: str) -> list[str]:
    """Of the first command of a page that begins so."""
    return next(words for words in typed_on(page) if " ".join(words).startswith(start))


@pytest.mark.parametrize("page", [page for page in PAGES if any(typed_on(page))])
def test_every_command_of_a_page_is_understood(page: str):
    for words in typed_on(page):
        known = [one_of(word) for word in words if word.strip("[]") != "..."]
        # argparse ends the process where it does not understand.
        options, rest = cli._parser().parse_known_args(known)
        cli._take_rest(options, rest)


@pytest.fixture
def typed(
    run: Run, model_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., str]:
    """Runs a page's command with some of its words replaced; must go well; what it prints."""
    monkeypatch.chdir(tmp_path)

    def run_typed(page: str, start: str, others: Mapping[str, object] | None = None) -> str:
        words = [str((others or {}).get(word, word)) for word in first_words(page, start)]
        has_model = words[0] != "track" or "--model" in words
        code, output, error = run(*words, *([] if has_model else ["--model", model_file]))
        assert (code, error.count("error:")) == (0, 0), error
        return output

    return run_typed


def test_why_a_run_is_traced_inspected_explained_and_corrected(typed, make_clip, tmp_path: Path):
    clip = make_clip()
    typed("why.md", "track VIDEO", {"VIDEO": clip})
    typed("why.md", "inspect OUT")
    assert (tmp_path / "OUT" / "inspector.html").stat().st_size > 0
    track_id = open_trace_file(Path("OUT")).frame(1).track_ids[0]
    printed = typed("why.md", "explain OUT", {"33": 1, "6": track_id})
    assert "what it answers when something is left out" in printed
    assert Path("explain.jpg").exists()
    Path("OUT/corrections.json").write_text(
        json.dumps({"corrections": [{"do": "delete", "track": track_id}]})
    )
    typed("why.md", "data convert OUT", {"VIDEO": clip})
    (annotations,) = Path("DST").rglob("gt.txt")
    ids = {int(line.split(",")[1]) for line in annotations.read_text().splitlines()}
    assert ids
    assert track_id not in ids


def test_live_a_run_goes_on_with_times_and_over_folders_and_lists(typed, make_clip, tmp_path: Path):
    clip = make_clip(name="video.mp4")
    (tmp_path / "recordings").mkdir()
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / "recordings" / name).write_bytes(clip.read_bytes())
    (tmp_path / "list.txt").write_text("# two of them\nvideo.mp4\nrecordings/a.mp4\n")
    typed("live.md", "track video.mp4 --output out")
    whole = (tmp_path / "out" / "tracks.txt").read_text()
    typed("live.md", "track video.mp4 --output out --resume")
    assert (tmp_path / "out" / "tracks.txt").read_text() == whole
    typed("live.md", "track video.mp4 --output out --timed", {"out": "timed"})
    typed("live.md", "track recordings/*.mp4", {"out": "many"})
    assert {path.name for path in (tmp_path / "many").glob("*/")} >= {"a", "b"}
    typed("live.md", "track list.txt", {"out": "listed"})
    assert {path.name for path in (tmp_path / "listed").glob("*/")} >= {"video", "a"}


def test_failures_of_a_folder_of_results_are_shown(typed, tmp_path: Path):
    scene = write_crossing(tmp_path / "DIR")
    typed("live.md", "track video.mp4 --output out", {"video.mp4": scene, "out": scene / "DIR"})
    typed("failures.md", "evaluate --ground-truth DIR --results DIR")
    assert (tmp_path / "runs" / "failures" / "index.html").exists()
