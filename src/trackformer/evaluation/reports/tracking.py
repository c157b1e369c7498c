"""Everything that is said about tracks: the scores, how sure they are, and where they come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from trackformer.data.annotations import AnnotatedData
from trackformer.data.results import ResultFrame
from trackformer.evaluation.failures.switches import Switch, find_switches
from trackformer.evaluation.metrics.frame_range import frames_in_range, only_frames, only_results
from trackformer.evaluation.metrics.hota import HotaCurves
from trackformer.evaluation.metrics.scores import curves_of
from trackformer.evaluation.metrics.tracking import (
    EvaluationTable,
    ScoredVideo,
    check_all_have_results,
    combined_counts,
    match_sequence,
    score_table,
)
from trackformer.evaluation.reports.bins import BinScores, bin_scores
from trackformer.evaluation.reports.classes import ClassTable, evaluate_classes
from trackformer.evaluation.reports.intervals import Interval, score_intervals


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class TrackingReport:
    """What `trackformer evaluate` shows and stores."""

    split: str
    """What was scored."""
    num_frames: int
    num_boxes: int
    """Of objects."""
    num_results: int
    """Boxes of tracks, without those on distractors."""
    table: EvaluationTable
    """All objects as one class."""
    classes: ClassTable | None
    intervals: Mapping[str, Interval]
    """Of the combined scores, by their names in `TrackingScores`; none for one sequence."""
    bins: tuple[BinScores, ...]
    switches: tuple[Switch, ...]
    curves: Mapping[str, HotaCurves]
    """By sequence, and combined."""
    lengths: Mapping[str, int]
    """Frames of each sequence, scored or not."""
    videos: tuple[ScoredVideo, ...]


def report_tracking(
    split: str,
    data: AnnotatedData,
    results: Mapping[str, Sequence[ResultFrame]],
    frames: str | None = None,
    seed: int = 0,
) -> TrackingReport:
    """Score tracks and say where the scores come from.

    Args:
        split: What to call the data.
        data: Videos; images are not looked at.
        results: By name of the sequence.
        frames: Only these (see `frame_range`); absent: all.
        seed: Of the drawings for the intervals.

    Raises:
        ConfigError: `frames` is no range.
        DataError: A sequence has no results, or they do not fit it.
    """
    check_all_have_results(data, results)
    lengths = {entry.name: len(entry.frames) for entry in data.sequences}
    num_frames = sum(lengths.values())
    if frames is not None:
        num_frames = sum(len(frames_in_range(frames, length)) for length in lengths.values())
        results = only_results(data, results, frames)
        data = only_frames(data, frames)
    matched = [match_sequence(entry, results[entry.name]) for entry in data.sequences]
    counts = [entry.counts for entry in matched]
    together = combined_counts(counts)
    table = score_table(matched)
    return TrackingReport(
        split=split if frames is None else f"{split}, frames {frames}",
        num_frames=num_frames,
        num_boxes=int(together.boxes.item()),
        num_results=int(together.result_boxes.item()),
        table=table,
        classes=evaluate_classes(data, results),
        intervals=score_intervals(counts, np.random.default_rng(seed)),
        bins=bin_scores(data.sequences, matched),
        switches=tuple(
            switch
            for entry, pairs in zip(data.sequences, matched, strict=True)
            for switch in find_switches(entry, pairs)
        ),
        curves={
            row.name: curves_of(count)
            for row, count in zip(
                (*table.sequences, table.combined), (*counts, together), strict=True
            )
        },
        lengths=lengths,
        videos=tuple(
            ScoredVideo(entry, results[entry.name], pairs)
            for entry, pairs in zip(data.sequences, matched, strict=True)
        ),
    )
