"""Who crosses a line, and who is in a zone."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.commands import Run

from trackformer.errors import ConfigError, DataError
from trackformer.objects import TrackedObjects
from trackformer.tracking.videos.zones import (
    Asked,
    ZoneCounter,
    draw_tallies,
    parse_line,
    read_zones,
)
from trackformer.video.frames import Frame

BLACK = np.zeros((100, 100, 3), dtype=np.uint8)


def walk(counter: ZoneCounter, feet: list[tuple[float, float]]) -> list[str]:
    """One object that stands at these points, frame by frame; the texts that are drawn."""
    texts = []
    for index, (x, y) in enumerate(feet):
        box = torch.tensor([[x - 5, y - 20, x + 5, y]])
        objects = TrackedObjects(
            torch.tensor([7]), box, torch.ones(1), torch.zeros(1, dtype=torch.long), index, ("cat",)
        )
        tallies = counter.count(Frame(BLACK, index, index / 10), objects)
        texts.append(tallies[0].text())
        draw_tallies(BLACK, tallies)
    return texts


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "zones.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_crossing_counts_once_in_its_direction(tmp_path: Path):
    asked = Asked(lines=(parse_line("50,0,50,100"),))
    with ZoneCounter(asked, tmp_path) as counter:
        texts = walk(counter, [(20, 50), (40, 50), (60, 50), (80, 50), (40, 50)])
    assert [(row["frame_index"], row["track_id"], row["label"]) for row in rows_of(tmp_path)] == [
        ("2", "7", "cat"),
        ("4", "7", "cat"),
    ]
    assert [row["event"] for row in rows_of(tmp_path)] == ["in", "out"]
    assert texts[0] == "line 1: in 0, out 0"
    assert texts[-1] == "line 1: in 1, out 1"


def test_who_enters_and_leaves_a_zone_is_counted(tmp_path: Path):
    zone = ("door", ((30.0, 30.0), (70.0, 30.0), (70.0, 70.0), (30.0, 70.0)))
    with ZoneCounter(Asked(zones=(zone,)), tmp_path) as counter:
        texts = walk(counter, [(20, 50), (50, 50), (60, 50), (80, 50)])
    assert texts == [
        "door: in 0, out 0, inside 0",
        "door: in 1, out 0, inside 1",
        "door: in 1, out 0, inside 1",
        "door: in 1, out 1, inside 0",
    ]
    assert [(row["frame_index"], row["time_s"], row["event"]) for row in rows_of(tmp_path)] == [
        ("1", "0.1", "in"),
        ("3", "0.3", "out"),
    ]


@pytest.mark.parametrize("text", ["1,2,3", "1,2,3,x", "1,2,1,2", "1,2,3,inf"])
def test_what_is_no_line_is_refused(text: str):
    with pytest.raises(ConfigError, match="--line: expected x1,y1,x2,y2 of two points in pixels"):
        parse_line(text)


@pytest.mark.parametrize(
    "text",
    ["[]", "{", "[" * 5000, '{"a": [[1, 2], [3]]}', '{"a": [[1, 2], [3, 4]]}'],
)
def test_what_is_no_file_of_zones_is_refused(text: str, tmp_path: Path):
    (tmp_path / "z.json").write_text(text)
    with pytest.raises(DataError, match=r"z\.json: "):
        read_zones(tmp_path / "z.json")


@pytest.mark.parametrize("more", [(), ("--offline",)])
def test_the_command_counts_draws_and_heats(
    run: Run, model_file: Path, make_clip: Callable[..., Path], tmp_path: Path, more
):
    (tmp_path / "z.json").write_text(json.dumps({"all": [[0, 0], [63, 0], [63, 47], [0, 47]]}))
    asked = ("track", make_clip(4), "--model", model_file, "--output", tmp_path / "out", *more)
    flags = ("--line", "32,0,32,48", "--zone", tmp_path / "z.json", "--heat-map")
    code, output, error = run(*asked, *flags)
    assert (code, error) == (0, "")
    names = ("tracks.txt", "tracks.jsonl", "video.mp4", "zones.csv", "heat_map.jpg")
    assert output.splitlines()[1:] == [str(tmp_path / "out" / name) for name in names]
    code, _, error = run(*asked, *flags)
    assert code == 2
    assert "zones.csv: exists already" in error
