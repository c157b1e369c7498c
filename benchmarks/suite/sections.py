"""The parts of `python -m benchmarks`: what each measures, and how it runs in its own process."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.suite.own_process import in_own_process

Row = dict[str, Any]
"""A measured row: name of a column to its value."""


@dataclass(frozen=True, slots=True)
class Section:
    """One part."""

    title: str
    command: str
    """What measures it alone."""
    measure: Callable[[], Iterable[Any]]
    """Rows: records of one dataclass."""
    why_skipped: Callable[[], str | None] = lambda: None


def _op() -> Iterable[Any]:
    from benchmarks.speed import deformable_attention

    return deformable_attention.measure()


def _op_memory() -> Iterable[Any]:
    from benchmarks.speed import attention_memory

    return attention_memory.measure()


def _model() -> Iterable[Any]:
    from benchmarks.speed import model

    return [*model.measure(), *model.measure((800, 1333), ["deformable_detr"])]


def _frame() -> Iterable[Any]:
    from benchmarks import tracked_frame

    return tracked_frame.measure()


def _tracker() -> Iterable[Any]:
    from benchmarks.speed import tracker

    return tracker.measure()


def _training() -> Iterable[Any]:
    from benchmarks.speed import training_step

    return training_step.measure()


def _start_up() -> Iterable[Any]:
    from benchmarks import start_up

    return start_up.measure()


def _freed_memory() -> Iterable[Any]:
    from benchmarks.speed import freed_memory

    return freed_memory.measure()


def _long_stream() -> Iterable[Any]:
    from benchmarks import long_stream

    return long_stream.measure()


def _data() -> Iterable[Any]:
    from benchmarks.speed import data_loading

    return data_loading.measure()


def _evaluation() -> Iterable[Any]:
    from benchmarks.speed import evaluation

    return [evaluation.measure()]


def _gpu() -> Iterable[Any]:
    from benchmarks.speed import gpu

    return gpu.measure()


def _no_gpu() -> str | None:
    from benchmarks.speed import gpu

    return gpu.why_skipped()


SECTIONS = {
    "start_up": Section("Beginning", "python -m benchmarks.start_up", _start_up),
    "op": Section(
        "Multi-scale deformable attention, time",
        "python -m benchmarks.speed.deformable_attention",
        _op,
    ),
    "op_memory": Section(
        "Multi-scale deformable attention, memory",
        "python -m benchmarks.speed.attention_memory",
        _op_memory,
    ),
    "model": Section(
        "Models against transformers' with the same weights",
        "python -m benchmarks.speed.model; "
        "python -m benchmarks.speed.model 800 1333 deformable_detr",
        _model,
    ),
    "frame": Section(
        "A frame of the published TrackFormer's size", "python -m benchmarks.tracked_frame", _frame
    ),
    "tracker": Section(
        "The tracker around the model", "python -m benchmarks.speed.tracker", _tracker
    ),
    "training": Section("A training step", "python -m benchmarks.speed.training_step", _training),
    "freed_memory": Section(
        "Keeping freed memory", "python -m benchmarks.speed.freed_memory", _freed_memory
    ),
    "long_stream": Section(
        "Memory over 10,000 frames", "python -m benchmarks.long_stream", _long_stream
    ),
    "data": Section("Training data", "python -m benchmarks.speed.data_loading", _data),
    "evaluation": Section("Scoring", "python -m benchmarks.speed.evaluation", _evaluation),
    "gpu": Section("On a GPU", "python -m benchmarks.speed.gpu", _gpu, _no_gpu),
}


def run_section(name: str) -> dict[str, Any]:
    """What was measured, in a process of its own: its threads and memory are no other part's.

    Returns:
        `rows` and `minutes`, or `skipped`: why nothing was measured.
    """
    reason = SECTIONS[name].why_skipped()
    if reason is not None:
        return {"skipped": reason}
    start = time.perf_counter()
    rows: list[Row] = in_own_process(__name__, name)
    return {"rows": rows, "minutes": round((time.perf_counter() - start) / 60, 1)}


def _as_row(record: Any) -> Row:
    """Columns; those of a record inside are called `outer inner`."""
    row: Row = {}
    for name, value in (record if isinstance(record, dict) else asdict(record)).items():
        if isinstance(value, dict):
            row |= {f"{name} {inner}": each for inner, each in value.items()}
        else:
            row[name] = value
    return row


if __name__ == "__main__":
    print(json.dumps([_as_row(record) for record in SECTIONS[sys.argv[1]].measure()]))
