"""`trackformer evaluate`: result files or a model in, a table of scores out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Final

from trackformer.verbs.model import MODEL_HELP, load
from trackformer.verbs.printing import print_whole

if TYPE_CHECKING:
    from trackformer.evaluation.tracking_metrics import EvaluationTable

SUMMARY: Final = "Score tracks against ground truth."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may be typed behind the verb."""
    parser.add_argument(
        "--ground-truth",
        type=Path,
        metavar="DIR",
        required=True,
        help="annotated videos of any known format (docs/data.md), or one gt.txt",
    )
    scored = parser.add_mutually_exclusive_group(required=True)
    scored.add_argument(
        "--results",
        type=Path,
        metavar="DIR",
        help="folder with NAME.txt or NAME/tracks.txt for each sequence NAME",
    )
    scored.add_argument("--model", help=f"track the sequences with this model first: {MODEL_HELP}")
    parser.add_argument(
        "--device",
        default="auto",
        help="where the model runs: cpu, cuda, cuda:1, mps, or auto (default: auto)",
    )
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="keep the model's tracks in DIR/NAME.txt"
    )
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="also write the scores, in [0, 100], to FILE"
    )


def run(options: argparse.Namespace) -> int:
    """Result files or a model in, a table of scores out."""
    from trackformer.errors import DataError
    from trackformer.evaluation.report import score_table, write_json

    table = _scores(options)
    print_whole(score_table(table))
    if options.json is not None:
        try:
            write_json(table, options.json)
        except OSError as error:
            raise DataError(f"{options.json}: cannot be written: {error.strerror}") from error
        print(options.json)
    return 0


def _scores(options: argparse.Namespace) -> EvaluationTable:
    from trackformer.errors import ConfigError
    from trackformer.evaluation.report import evaluate_folders

    if options.model is not None:
        return _scores_of_model(options)
    if options.output is not None:
        raise ConfigError("--output: only with --model, whose tracks it keeps")
    return evaluate_folders(options.ground_truth, options.results)


def _scores_of_model(options: argparse.Namespace) -> EvaluationTable:
    """Track every sequence of the ground truth, then score the tracks."""
    from trackformer.data.mot import write_mot_results
    from trackformer.data.read import read_annotations
    from trackformer.evaluation.model_scores import track_sequences
    from trackformer.evaluation.tracking_metrics import evaluate_tracking

    data = read_annotations(options.ground_truth)
    results = track_sequences(load(options), data)
    if options.output is not None:
        for name, frames in results.items():
            write_mot_results(options.output / f"{name}.txt", frames)
    return evaluate_tracking(data, results)
