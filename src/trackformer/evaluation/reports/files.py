"""How result files are scored, and how the scores are shown and stored."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from rich.table import Table

from trackformer.atomic_files import whole_file
from trackformer.data.formats.mot.mots import is_mots, read_mots, read_mots_results
from trackformer.evaluation.metrics.mots import evaluate_masks
from trackformer.evaluation.metrics.scores import TrackingScores
from trackformer.evaluation.metrics.tracking import EvaluationTable, evaluate_tracking
from trackformer.evaluation.reports.result_files import MASK_RESULT_FILE, read_scored, result_file

PUBLISHED_NAMES: Final[Mapping[str, str]] = {
    "hota": "HOTA",
    "det_a": "DetA",
    "ass_a": "AssA",
    "loc_a": "LocA",
    "mota": "MOTA",
    "motp": "MOTP",
    "idf1": "IDF1",
    "id_switches": "IDSW",
    "false_positives": "FP",
    "false_negatives": "FN",
    "precision": "Precision",
    "recall": "Recall",
    "num_ground_truth_ids": "GT_IDs",
    "num_result_ids": "IDs",
    "det_re": "DetRe",
    "det_pr": "DetPr",
    "ass_re": "AssRe",
    "ass_pr": "AssPr",
    "idp": "IDP",
    "idr": "IDR",
    "mostly_tracked": "MT",
    "mostly_lost": "ML",
    "fragmentations": "Frag",
}
"""What the literature calls each score."""
MASK_NAMES: Final[Mapping[str, str]] = {
    field: {"mota": "MOTSA", "motp": "MOTSP"}.get(field, name)
    for field, name in ({"hota": "HOTA", "smota": "sMOTSA"} | dict(PUBLISHED_NAMES)).items()
}
"""The same where overlap is that of masks (Voigtlaender et al. 2019)."""
NUM_SHOWN: Final = 14
"""So many of them have a column in the printed table."""


def evaluate_folders(ground_truth: Path, results: Path) -> EvaluationTable:
    """Score result files against annotated videos.

    Args:
        ground_truth: Annotations of any known format, or a MOTChallenge ground-truth file alone.
            Of MOTS20 and KITTI-MOTS, masks are compared, and results have `tracks_mots.txt`.
        results: A folder with `NAME.txt` or `NAME/tracks.txt` for each sequence NAME. For a single
            sequence also its result file, or the folder of its `tracks.txt`.

    Raises:
        DataError: A sequence has no results, or a file cannot be used.
    """
    if is_mots(ground_truth):
        return _evaluate_masks(ground_truth, results)
    return evaluate_tracking(*read_scored(ground_truth, results))


def scores_by_published_name(
    scores: TrackingScores, names: Mapping[str, str] = PUBLISHED_NAMES
) -> dict[str, float | int]:
    """HOTA, DetA, ... in the order of `names`, without the name of the sequence."""
    fields = asdict(scores)
    return {published: fields[field] for field, published in names.items()}


def _names_of(table: EvaluationTable) -> Mapping[str, str]:
    return MASK_NAMES if table.overlap == "masks" else PUBLISHED_NAMES


def score_table(table: EvaluationTable) -> Table:
    """One row per sequence and a last one for all of them, to print with rich."""
    return table_of_rows("sequence", (*table.sequences, table.combined), _names_of(table))


def table_of_rows(
    kind: str, rows: Sequence[TrackingScores], names: Mapping[str, str] = PUBLISHED_NAMES
) -> Table:
    """The main scores of each row, the last one in bold."""
    shown = Table(kind)
    for published in list(names.values())[:NUM_SHOWN]:
        shown.add_column(published, justify="right")
    for scores in rows:
        cells = list(scores_by_published_name(scores, names).values())[:NUM_SHOWN]
        texts = [f"{cell:.1f}" if isinstance(cell, float) else str(cell) for cell in cells]
        shown.add_row(scores.name, *texts, style="bold" if scores is rows[-1] else None)
    return shown


def write_json(table: EvaluationTable, path: Path) -> None:
    """Store the scores: those of all sequences at the top, each one's under `sequences`."""
    write_scores(scores_by_sequence(table), path)


def scores_by_sequence(table: EvaluationTable) -> dict[str, Any]:
    """The combined scores by name, and under `sequences` those of each."""
    names = _names_of(table)
    return {
        **scores_by_published_name(table.combined, names),
        "sequences": {row.name: scores_by_published_name(row, names) for row in table.sequences},
    }


def write_scores(content: Mapping[str, Any], path: Path) -> None:
    """Write a json file, which appears complete or not at all.

    Raises:
        DataError: The file cannot be written.
    """
    with whole_file(path) as partial:
        partial.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _evaluate_masks(ground_truth: Path, results: Path) -> EvaluationTable:
    data = read_mots(ground_truth)
    is_only = len(data.sequences) == 1
    names = [sequence.name for sequence in data.sequences]
    return evaluate_masks(
        data,
        {
            name: read_mots_results(result_file(results, name, MASK_RESULT_FILE, is_only=is_only))
            for name in names
        },
    )
