"""How a whole report on tracks is shown and stored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Final

import numpy as np
from rich.table import Table

from trackformer.evaluation.failures.switches import count_causes
from trackformer.evaluation.metrics.hota import THRESHOLDS
from trackformer.evaluation.reports.files import (
    PUBLISHED_NAMES,
    score_table,
    scores_by_published_name,
    scores_by_sequence,
    table_of_rows,
)
from trackformer.evaluation.reports.intervals import FEW_SEQUENCES
from trackformer.evaluation.reports.tracking import TrackingReport

SURE_ABOUT: Final = ("hota", "det_a", "ass_a", "mota", "idf1")
"""Scores whose intervals are printed."""


def report_lines(report: TrackingReport) -> Iterator[str | Table]:
    """What to print, in order: lines and tables."""
    sequences, scores = report.table.sequences, report.table.combined
    yield (
        f"{report.split}: {len(sequences)} sequence{'s' * (len(sequences) != 1)}, "
        f"{report.num_frames} frames, {report.num_boxes} boxes of {scores.num_ground_truth_ids} "
        f"objects; results: {report.num_results} boxes of {scores.num_result_ids} tracks"
    )
    yield score_table(report.table)
    if report.classes is not None:
        rows = (*report.classes.classes, report.classes.mean, report.classes.combined)
        yield table_of_rows("class", rows)
    yield _interval_line(report)
    yield _bin_table(report)
    causes = ", ".join(f"{cause} {count}" for cause, count in count_causes(report.switches).items())
    yield f"identity switches by cause: {causes or 'none'}"


def report_content(report: TrackingReport) -> dict[str, Any]:
    """What the json file holds; the combined scores at the top."""
    content = scores_by_sequence(report.table) | {
        "split": report.split,
        "frames": report.num_frames,
        "boxes": report.num_boxes,
        "results": report.num_results,
        "intervals": {
            PUBLISHED_NAMES[name]: [interval.low, interval.high]
            for name, interval in report.intervals.items()
        },
        "bins": [asdict(entry) for entry in report.bins],
        "switch_causes": count_causes(report.switches),
        "switches": [asdict(switch) for switch in report.switches],
        "thresholds": np.round(THRESHOLDS, 2).tolist(),
        "curves": {
            name: {
                "HOTA": (100 * curves.hota[0]).tolist(),
                "DetA": (100 * curves.det_a[0]).tolist(),
                "AssA": (100 * curves.ass_a[0]).tolist(),
            }
            for name, curves in report.curves.items()
        },
    }
    if report.classes is not None:
        rows = (*report.classes.classes, report.classes.mean, report.classes.combined)
        content["classes"] = {row.name: scores_by_published_name(row) for row in rows}
    return content


def _interval_line(report: TrackingReport) -> str:
    count = len(report.table.sequences)
    if not report.intervals:
        return "95 % intervals: none, because they are drawn over sequences and there is only one"
    shown = ((PUBLISHED_NAMES[name], report.intervals[name]) for name in SURE_ABOUT)
    intervals = (f"{name} {interval.low:.1f}-{interval.high:.1f}" for name, interval in shown)
    warning = "; so few that these are rough guesses" if count < FEW_SEQUENCES else ""
    return f"95 % intervals over {count} sequences: {', '.join(intervals)}{warning}"


def _bin_table(report: TrackingReport) -> Table:
    shown = Table("objects by", "bin")
    for name in ("boxes", "Recall", "DetRe", "AssA", "OWTA", "IDSW", "kept"):
        shown.add_column(name, justify="right")
    for entry in report.bins:
        shares = (entry.recall, entry.det_re, entry.ass_a, entry.owta)
        kept = "-" if entry.kept is None else f"{entry.kept:.1f}"
        texts = [f"{share:.1f}" for share in shares]
        shown.add_row(
            entry.kind, entry.name, str(entry.num_boxes), *texts, str(entry.id_switches), kept
        )
    return shown
