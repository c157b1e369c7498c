"""How result files are scored, and how the scores are shown and stored."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from rich.table import Table

from trackformer.data.annotations import AnnotatedData
from trackformer.data.mot import CLASS_NAMES, read_mot_ground_truth, read_mot_results
from trackformer.data.mots import is_mots, read_mots, read_mots_results
from trackformer.data.read import read_annotations
from trackformer.data.results import ResultFrame
from trackformer.errors import DataError
from trackformer.evaluation.mots import evaluate_masks
from trackformer.evaluation.tracking_metrics import EvaluationTable, evaluate_tracking
from trackformer.evaluation.tracking_scores import TrackingScores

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
RESULT_FILE: Final = "tracks.txt"
MASK_RESULT_FILE: Final = "tracks_mots.txt"


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
    if ground_truth.suffix == ".txt":
        return _evaluate_file(ground_truth, results)
    data = read_annotations(ground_truth)
    return evaluate_tracking(data, read_results(data, results))


def read_results(data: AnnotatedData, results: Path) -> dict[str, tuple[ResultFrame, ...]]:
    """The result files of all sequences, by name (see `evaluate_folders`).

    Raises:
        DataError: A sequence has no results, or a file cannot be used.
    """
    is_only = len(data.sequences) == 1
    files = {
        sequence.name: _result_file(results, sequence.name, is_only=is_only)
        for sequence in data.sequences
    }
    return {name: read_mot_results(path) for name, path in files.items()}


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
    shown, names = Table("sequence"), _names_of(table)
    for published in list(names.values())[:NUM_SHOWN]:
        shown.add_column(published, justify="right")
    for scores in (*table.sequences, table.combined):
        cells = list(scores_by_published_name(scores, names).values())[:NUM_SHOWN]
        texts = [f"{cell:.1f}" if isinstance(cell, float) else str(cell) for cell in cells]
        shown.add_row(scores.name, *texts, style="bold" if scores is table.combined else None)
    return shown


def write_json(table: EvaluationTable, path: Path) -> None:
    """Store the scores: those of all sequences at the top, each one's under `sequences`."""
    names = _names_of(table)
    content = {
        **scores_by_published_name(table.combined, names),
        "sequences": {row.name: scores_by_published_name(row, names) for row in table.sequences},
    }
    write_scores(content, path)


def write_scores(content: Mapping[str, Any], path: Path) -> None:
    """Write a json file, which appears complete or not at all.

    Raises:
        DataError: The file cannot be written.
    """
    partial = path.with_name(f"{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {error.strerror}") from error


def _evaluate_masks(ground_truth: Path, results: Path) -> EvaluationTable:
    data = read_mots(ground_truth)
    is_only = len(data.sequences) == 1
    names = [sequence.name for sequence in data.sequences]
    return evaluate_masks(
        data,
        {
            name: read_mots_results(_result_file(results, name, MASK_RESULT_FILE, is_only=is_only))
            for name in names
        },
    )


def _evaluate_file(ground_truth: Path, results: Path) -> EvaluationTable:
    name = read_mot_ground_truth(ground_truth).name
    frames = read_mot_results(_result_file(results, name, is_only=True))
    # The file does not tell how long the video is: it may go on after its last annotated frame.
    num_frames = frames[-1].frame_index + 1 if frames else 0
    sequence = read_mot_ground_truth(ground_truth, num_frames)
    return evaluate_tracking(AnnotatedData((sequence,), CLASS_NAMES), {name: frames})


def _result_file(results: Path, name: str, own_file: str = RESULT_FILE, *, is_only: bool) -> Path:
    if results.is_file():
        if is_only:
            return results
        raise DataError(f"{results}: expected a folder with results of every sequence, got a file")
    candidates = [results / f"{name}.txt", results / name / own_file]
    if is_only:
        candidates.append(results / own_file)
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise DataError(
        f"{results}: expected results of sequence {name} in {name}.txt or {name}/{own_file}"
    )
