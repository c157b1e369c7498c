"""`trackformer evaluate`: result files in, a table of scores out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from trackformer.verbs.printing import print_whole

SUMMARY: Final = "Score tracks against ground truth."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may be typed behind the verb."""
    parser.add_argument(
        "--ground-truth",
        type=Path,
        metavar="DIR",
        required=True,
        help="MOTChallenge: a folder of sequences, one sequence, or one gt.txt",
    )
    parser.add_argument(
        "--results",
        type=Path,
        metavar="DIR",
        required=True,
        help="folder with NAME.txt or NAME/tracks.txt for each sequence NAME",
    )
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="also write the scores, in [0, 100], to FILE"
    )


def run(options: argparse.Namespace) -> int:
    """Result files in, a table of scores out."""
    from trackformer.errors import DataError
    from trackformer.evaluation.report import evaluate_folders, score_table, write_json

    table = evaluate_folders(options.ground_truth, options.results)
    print_whole(score_table(table))
    if options.json is not None:
        try:
            write_json(table, options.json)
        except OSError as error:
            raise DataError(f"{options.json}: cannot be written: {error.strerror}") from error
        print(options.json)
    return 0
