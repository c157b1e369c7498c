"""How the scores of detections are shown and stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Final

from rich.table import Table

from trackformer.evaluation.metrics.coco import DetectionScores, DetectionTable
from trackformer.evaluation.reports.files import write_scores

DETECTION_NAMES: Final[Mapping[str, str]] = {
    "ap": "AP",
    "ap50": "AP50",
    "ap75": "AP75",
    "ap_small": "AP_S",
    "ap_medium": "AP_M",
    "ap_large": "AP_L",
    "ar": "AR",
}
"""What the literature calls each score; the order of columns."""


def detection_scores_by_name(scores: DetectionScores) -> dict[str, float | None]:
    """AP, AP50, ... in the order of `DETECTION_NAMES`, without the name of the class."""
    fields = asdict(scores)
    return {published: fields[field] for field, published in DETECTION_NAMES.items()}


def detection_headline(table: DetectionTable) -> str:
    """What was scored, in one line."""
    return (
        f"{table.split}: {table.num_images} images, {table.num_boxes} objects, "
        f"{table.num_results} detections"
    )


def detection_table(table: DetectionTable) -> Table:
    """A row for each class, where there are several, and one for all, to print with rich."""
    shown = Table("class")
    for published in DETECTION_NAMES.values():
        shown.add_column(published, justify="right")
    rows = table.classes if len(table.classes) > 1 else ()
    for scores in (*rows, table.combined):
        cells = detection_scores_by_name(scores).values()
        texts = ["-" if cell is None else f"{cell:.1f}" for cell in cells]
        shown.add_row(scores.name, *texts, style="bold" if scores is table.combined else None)
    return shown


def write_detection_json(table: DetectionTable, path: Path) -> None:
    """Store the scores: those over all classes at the top, each one's under `classes`."""
    content = {
        **detection_scores_by_name(table.combined),
        "split": table.split,
        "images": table.num_images,
        "boxes": table.num_boxes,
        "results": table.num_results,
        "classes": {row.name: detection_scores_by_name(row) for row in table.classes},
    }
    write_scores(content, path)
