"""`trackformer data check` as one runs it: table, json, page and exit code."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import get_args

import pytest
from tests.checking.test_checks import SIZE, pictures

import trackformer.checking
from trackformer import cli
from trackformer.data.formats.parts.malformed import Mistake
from trackformer.data.read import read_annotations
from trackformer.errors import DataError

BOX = '<box frame="{}" outside="0" keyframe="1" xtl="{}" ytl="10" xbr="{}" ybr="40"/>'
GONE = '<box frame="{}" outside="1" keyframe="1" xtl="0" ytl="10" xbr="9" ybr="40"/>'


def track(number: int, *boxes: str) -> str:
    return f'<track id="{number}" label="person">{"".join(boxes)}</track>'


def walk(number: int, left: int) -> str:
    return track(number, *(BOX.format(i, left + i, left + 10 + i) for i in range(8)))


def write_export(folder: Path, *tracks: str) -> Path:
    """A CVAT export of a video of 8 frames."""
    if not folder.exists():
        for path in pictures(folder / "images", 8):
            path.rename(path.with_name(f"frame_{path.name}"))
    height, width = SIZE
    size = f"<original_size><width>{width}</width><height>{height}</height></original_size>"
    head = (
        "<meta><task><size>8</size><stop_frame>7</stop_frame><labels><label><name>person</name>"
        f"</label></labels>{size}</task></meta>"
    )
    (folder / "annotations.xml").write_text(f"<annotations>{head}{''.join(tracks)}</annotations>")
    return folder


def kinds(report: Path) -> set[str]:
    return {finding["check"] for finding in json.loads(report.read_text())["findings"]}


def test_four_mistakes_in_a_cvat_export_are_found_until_they_are_corrected(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    good = (walk(0, 10), walk(1, 40))
    bad = (
        track(1, BOX.format(2, 100, 110)),
        track(2, BOX.format(0, 0, 10), GONE.format(1), BOX.format(5, 145, 155)),
        track(3, BOX.format(3, 170, 180)),
        track(4, BOX.format(8, 70, 80)),
    )
    report = tmp_path / "report.json"
    arguments = ["data", "check", str(tmp_path / "export"), "--json", str(report)]
    write_export(tmp_path / "export", *good, *bad)
    assert cli.run(arguments) == 1
    assert kinds(report) == {"shared-id", "id-reused", "outside-image", "beyond-end"}
    assert "4 errors, 0 warnings, 0 notes" in capsys.readouterr().out
    write_export(tmp_path / "export", *good)
    assert cli.run(arguments) == 0
    assert kinds(report) == set()


def test_names_of_files_are_not_cut_short(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    folder = tmp_path / "exports" / "a_video_with_a_name_that_is_longer_than_a_column_of_the_table"
    folder.parent.mkdir()
    write_export(folder, track(4, BOX.format(8, 70, 80)))
    assert cli.run(["data", "check", str(folder.parent)]) == 1
    output = capsys.readouterr().out
    assert "…" not in output
    column = "".join(
        line.split("│")[3].strip() for line in output.splitlines() if line.count("│") == 4
    )
    assert f"{folder.name}/annotations.xml: track 4" in column


def test_training_on_them_names_the_check(tmp_path: Path):
    export = write_export(tmp_path / "export", walk(0, 10), track(4, BOX.format(8, 70, 80)))
    advice = f"; `trackformer data check {export}` lists all that is wrong"
    with pytest.raises(DataError, match=re.escape(advice)):
        read_annotations(export)


class Page(HTMLParser):
    """Collects the addresses a page refers to, and whether all is closed."""

    VOID = ("meta", "img", "rect")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.addresses += [str(value) for name, value in attrs if name in ("src", "href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag != "rect":
            assert self.open.pop() == tag


def test_the_page_needs_nothing_beside_itself(tmp_path: Path):
    write_export(tmp_path / "<export>", walk(0, 10), track(3, BOX.format(3, 170, 180)))
    page = tmp_path / "report.html"
    assert cli.run(["data", "check", str(tmp_path / "<export>"), "--html", str(page)]) == 1
    parser = Page()
    parser.feed(page.read_text())
    assert parser.open == []
    assert "script" not in parser.tags
    assert parser.addresses
    assert all(address.startswith("data:image/jpeg;base64,") for address in parser.addresses)
    assert "&lt;export&gt;" in page.read_text()


def test_every_check_is_on_the_page_about_data():
    root = Path(trackformer.checking.__file__).parent
    text = "".join(path.read_text() for path in root.glob("*.py"))
    names = set(re.findall(r'(?:Finding|BoxRule)\(\s*(?:check=)?"([a-z-]+)"', text))
    names |= set(get_args(Mistake))
    page = (Path(__file__).parents[2] / "docs" / "data.md").read_text()
    assert len(names) > 30
    assert [name for name in sorted(names) if f"`{name}`" not in page] == []


def test_a_flag_nearly_right_is_named_with_its_sub_verb(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert cli.run(["data", "check", str(tmp_path), "--jsn", "x"]) == 2
    assert capsys.readouterr().err == "error: unknown argument '--jsn'; did you mean --json?\n"
    assert cli.run(["data", "convert", "a", "b", "--to", "mot", "--zzz"]) == 2
    assert "see `trackformer data convert --help`" in capsys.readouterr().err


def test_converting_says_what_is_lost(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    export = write_export(tmp_path / "export", walk(0, 10))
    out = tmp_path / "out"
    assert cli.run(["data", "convert", str(export), str(out), "--to", "yolo"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "1 sequences, 8 frames, 8 boxes",
        "yolo cannot hold: track ids, videos",
        str(out),
    ]
    assert cli.run(["data", "convert", str(export), str(out), "--to", "coco"]) == 2
    assert "exists; give another name" in capsys.readouterr().err
