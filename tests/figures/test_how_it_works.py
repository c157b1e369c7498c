"""The page in pictures: what it shows and quotes is what the code answers now."""

import re
import runpy
from pathlib import Path

import pytest

from trackformer.figures.demo_run import DemoRun
from trackformer.figures.draw import FIGURES

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/how-it-works.md").read_text(encoding="utf-8")
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
WITHIN = 0.02
"""By which numbers may differ on another processor."""


def assert_same(said: str, expected: str) -> None:
    """The same words, and nearly the same numbers."""
    assert NUMBER.sub("#", said) == NUMBER.sub("#", expected)
    numbers = [[float(each) for each in NUMBER.findall(text)] for text in (said, expected)]
    assert numbers[0] == pytest.approx(numbers[1], abs=WITHIN)


@pytest.fixture(scope="module")
def demo():
    return DemoRun()


def test_the_page_shows_every_picture_once_and_all_are_there():
    shown = re.findall(r"\]\(images/how/(\w+)\.(\w+)\)", PAGE)
    assert [name for name, _ in shown] == list(FIGURES)
    files = sorted((ROOT / "docs/images/how").iterdir())
    assert [file.name for file in files] == sorted(f"{name}.{kind}" for name, kind in shown)
    assert sum(file.stat().st_size for file in files) < 1e6


@pytest.mark.slow
@pytest.mark.parametrize("name", FIGURES)
def test_a_picture_says_what_the_page_says_of_it(name, demo):
    drawn = FIGURES[name](demo)
    described = re.search(rf"!\[(.*)\]\(images/how/{name}{drawn.suffix}\)", PAGE)
    assert described is not None
    assert_same(drawn.says, described[1])


@pytest.mark.parametrize("name", ["detr", "track_queries", "deformable_attention"])
def test_a_script_prints_what_the_page_quotes(name, capsys):
    quoted = re.search(rf"^    \$ python examples/{name}\.py\n((?:    .+\n)+)", PAGE, re.MULTILINE)
    assert quoted is not None
    runpy.run_path(str(ROOT / f"examples/{name}.py"))
    printed = iter(capsys.readouterr().out.splitlines())
    for line in quoted[1].splitlines():
        # Lines that the page leaves out lie between those that it quotes.
        words = NUMBER.sub("#", line.strip())
        same = next((each for each in printed if NUMBER.sub("#", each.strip()) == words), None)
        assert same is not None, f"not printed: {line.strip()}"
        assert_same(same.strip(), line.strip())
