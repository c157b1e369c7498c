"""The findings as a table for the terminal, and as json for programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Column, Table

from trackformer.checking.check import Report
from trackformer.checking.records import Finding, Severity
from trackformer.checking.statistics import distributions

COLOURS: Mapping[Severity, str] = {"error": "bold red", "warning": "yellow", "note": "dim"}
MAX_SHOWN = 3
"""Places that the table names; the json file has all."""


def findings_table(report: Report) -> Table:
    """One row per finding, worst first, to print with rich."""
    # Names of files may be wider than a column: rich would leave out their end, not break them.
    table = Table("", "what, and what to do", Column("where", overflow="fold"), show_lines=True)
    for finding in report.findings:
        table.add_row(
            f"[{COLOURS[finding.severity]}]{finding.severity}[/]\n{finding.check}",
            _plain(f"{finding.what}: {finding.remedy}"),
            _plain(_first_places(finding, f"{report.path}/")),
        )
    return table


def statistics_table(report: Report) -> Table:
    """Least, middle and largest value of every quantity."""
    table = Table("", "least", "median", "most", "values")
    for column in table.columns[1:]:
        column.justify = "right"
    for distribution in distributions(report.inspected):
        cells = [f"{value:.4g}" for value in distribution.quantiles()]
        unit = f" ({distribution.unit})" if distribution.unit else ""
        table.add_row(distribution.name + unit, *cells, str(len(distribution.values)))
    return table


def summary(report: Report) -> str:
    """One line: how much there is, and how much is wrong."""
    sequences = report.inspected.data.sequences
    frames = [frame for sequence in sequences for frame in sequence.frames]
    num_boxes = sum(len(frame.boxes_xyxy) for frame in frames)
    counts = [
        f"{sum(finding.severity == severity for finding in report.findings)} {severity}s"
        for severity in COLOURS
    ]
    return (
        f"{len(sequences)} sequences, {len(frames)} frames, {num_boxes} boxes of "
        f"{', '.join(report.inspected.data.class_names)}: {', '.join(counts)}"
    )


def report_content(report: Report) -> dict[str, Any]:
    """Everything, for a json file."""
    return {
        "path": str(report.path),
        "summary": summary(report),
        "has_errors": report.has_errors,
        "findings": [
            {
                "check": finding.check,
                "severity": finding.severity,
                "what": finding.what,
                "remedy": finding.remedy,
                "places": [
                    {
                        "where": place.where,
                        "sequence": place.sequence,
                        "frame_index": place.frame_index,
                        "track_id": place.track_id,
                    }
                    for place in finding.places
                ],
            }
            for finding in report.findings
        ],
        "statistics": {
            distribution.name: dict(
                zip(("least", "median", "most"), distribution.quantiles(), strict=True)
            )
            for distribution in distributions(report.inspected)
        },
    }


def _first_places(finding: Finding, root: str) -> str:
    lines = [place.where.replace(root, "") for place in finding.places[:MAX_SHOWN]]
    more = len(finding.places) - MAX_SHOWN
    return "\n".join([*lines, *([f"and {more} more"] if more > 0 else [])])


def _plain(text: str) -> str:
    """Text in which rich sees no markup."""
    from rich.markup import escape

    return escape(text)
