"""What `python -m benchmarks` makes of measured rows."""

import pytest
import torch
from benchmarks import deformable_attention, gpu, long_stream
from benchmarks.data_loading import WAYS
from benchmarks.goals import goal_rows
from benchmarks.own_process import peak_megabytes, start_of_peak
from benchmarks.report import tables, write_into_page
from benchmarks.sections import SECTIONS

from trackformer.data.clips.settings import ClipSettings

OP_ROWS = [
    {
        "size": "enc32",
        "implementation": name,
        "forward_ms": milliseconds,
        "forward_ratio": 600 / milliseconds,
        "both_ratio": 7.0,
        "forward_bound_ms": 12.0,
        "extra_bytes": None,
    }
    for name, milliseconds in (("reference", 600.0), ("portable", 50.0), ("compiled", 15.0))
]
MACHINE = {"date": "a day", "processor": "some", "cores": 2, "torch": "2", "gpu": "no GPU"}


def reached(measured) -> list[str]:
    return [row[2] for row in goal_rows(measured)]


def test_goals_are_ratios_of_measured_rows():
    portable, compiled, *others = reached({"op": {"rows": OP_ROWS}})
    assert portable == "12.0x / 7.0x"
    assert compiled == "40.0x / 7.0x; forward 1.2x its bound"
    assert set(others) == {"not measured: not run"}


def test_a_row_that_needs_a_gpu_says_so():
    assert reached({"gpu": {"skipped": "needs a GPU"}})[-1].endswith("needs a GPU")


@pytest.mark.slow
def test_what_a_gpu_will_measure_runs_at_a_small_size_on_a_processor():
    tiny = deformable_attention.Size("enc32", ((4, 6), (2, 3)), 8, None)
    measured = gpu.measure(
        torch.device("cpu"), (64, 96), streams=(1, 2), num_frames=1, attention_sizes=[tiny]
    )
    rows = [{"what": row.what, "figure": row.figure} for row in measured]
    attention, frames = reached({"gpu": {"rows": rows}})[-2:]
    assert float(attention.removesuffix("x")) > 0
    assert float(frames) > 0
    forms = [row.what for row in measured if "streams" in row.what]
    assert [words.split(", ")[:2] for words in forms] == [
        [f"{count} streams", form] for form in ("replayed", "launched") for count in (1, 2)
    ]


def test_every_goal_has_a_section():
    assert {row[3] for row in goal_rows({})} <= set(SECTIONS)


def test_columns_without_any_value_are_left_out():
    text = tables({"machine": MACHINE, "sections": {"op": {"rows": OP_ROWS}}})
    assert "forward ms" in text
    assert "extra bytes" not in text


def test_a_page_keeps_what_stands_around_the_marks(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- measured: begin -->\nold\n<!-- measured: end -->\nafter\n")
    write_into_page(page, "new")
    write_into_page(page, "newer")
    assert page.read_text() == (
        "before\n<!-- measured: begin -->\n\nnewer\n\n<!-- measured: end -->\nafter\n"
    )


def test_the_peak_of_memory_counts_what_is_gone_again():
    before = start_of_peak()
    torch.ones(64, 2**18)
    assert 60 < peak_megabytes() - before < 100


def test_a_long_stream_is_weighed_ten_times_while_tracks_come_and_go(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(long_stream, "keep_freed_memory", lambda: None)  # this process lives on
    rows = long_stream.measure(30)
    assert [row.frames for row in rows] == list(range(3, 31, 3))
    assert rows[-1].born > rows[0].born > 0


def test_growth_is_told_for_a_thousand_frames():
    first, last = (
        long_stream.Row(*numbers, born=1, alive=1) for numbers in ((1000, 500.0), (3000, 501.0))
    )
    assert long_stream.growth([first, last]) == 0.5


MODEL_ROW = {"kind": "deformable_detr", "size": [800, 1333], "box_difference": 6e-8} | {
    "bfloat16_box_difference": 4e-3,
    "theirs seconds": 12.0,
    "optimised seconds": 4.0,
    "bfloat16 seconds": 2.0,
    "theirs kept_seconds": 9.0,
    "optimised kept_seconds": 3.6,
    "bfloat16 kept_seconds": 1.8,
    "theirs megabytes": 900.0,
    "optimised megabytes": 300.0,
}


def test_both_allocators_are_told_of():
    text = reached({"model": {"rows": [MODEL_ROW]}})[2]
    assert text == (
        "3.0x, boxes to 6e-08; bf16 6.0x, boxes to 4e-03; "
        "both sides keeping freed memory 2.5x; bf16 5.0x"
    )


def test_ways_to_read_are_settings():
    assert all(ClipSettings(**way) for way in WAYS.values())
