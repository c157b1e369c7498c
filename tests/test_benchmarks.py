"""What `python -m benchmarks` makes of measured rows."""

import pytest
import torch
from benchmarks import cluster, long_stream
from benchmarks.speed import deformable_attention, gpu
from benchmarks.speed.data_loading import WAYS
from benchmarks.suite.goals import goal_rows
from benchmarks.suite.own_process import peak_megabytes, start_of_peak
from benchmarks.suite.report import tables, write_into_page
from benchmarks.suite.sections import SECTIONS

from models.conftest import SIZES
from trackformer.data.clips.settings import ClipSettings
from trackformer.models.build import build_model
from trackformer.models.settings import DeformableDetrSettings, ModelSettings
from trackformer.models.trackformer import TrackFormer

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


def test_figures_of_a_gpu_are_those_of_the_fastest_attention_and_of_one_replayed_stream():
    rows = [
        {"what": "enc32, portable, forward and backward, x", "figure": 1.04},
        {"what": "enc32, triton, forward and backward, x", "figure": 4.96},
        {"what": "enc32, triton, forward and backward, ms", "figure": 90.0},
        {"what": "1 streams, replayed, frames a second in all", "figure": 31.4},
        {"what": "1 streams, launched, frames a second in all", "figure": 12.0},
    ]
    assert reached({"gpu": {"rows": rows}})[-2:] == ["5.0x", "31"]


def test_what_a_gpu_will_measure_runs_at_a_small_size_on_a_processor():
    work = gpu.Workload(
        size=(32, 48),
        streams=(1, 2),
        num_frames=1,
        warm_up=1,
        attention_sizes=[deformable_attention.Size("enc32", ((2, 3),), 4, None)],
        attention_repeats=1,
    )
    measured = gpu.measure(torch.device("cpu"), work, small_deformable_trackformer())
    # How fast that was is no matter: goals find the rows that they are made of.
    goals = reached({"gpu": {"rows": [{"what": row.what, "figure": 1.0} for row in measured]}})
    assert goals[-2:] == ["1.0x", "1"]
    forms = [row.what for row in measured if "streams" in row.what]
    assert [words.split(", ")[:2] for words in forms] == [
        [f"{count} streams", form] for form in ("replayed", "launched") for count in (1, 2)
    ]


def small_deformable_trackformer() -> TrackFormer:
    return build_model(ModelSettings(detector=DeformableDetrSettings(**SIZES))).eval()


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


@pytest.mark.parametrize(
    ("num_workers", "ended", "rate"),
    [
        (1, [0, 2, 4, 6], 0.5),
        # They began half a second apart; the last recording, alone, is no whole turn.
        (2, [0, 0.5, 2, 2.5, 4, 4.5, 5.5], 1.0),
    ],
)
def test_the_rate_of_workers_is_that_of_whole_turns(
    num_workers: int, ended: list[float], rate: float
):
    assert cluster.rate_of(ended, num_workers) == rate


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
