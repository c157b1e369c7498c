"""`trackformer demo`: the bundled clip, tracked and scored."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from trackformer.verbs.flags.model import add_model_arguments, load
from trackformer.verbs.flags.video import report

SUMMARY: Final = "Track the bundled clip with a bundled model."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may be typed behind the verb."""
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        default=Path("runs/demo"),
        help="folder for tracks, video and metrics.json, replaced (default: runs/demo)",
    )
    add_model_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """The bundled clip, tracked and scored."""
    from trackformer.demo import demonstrate

    made = demonstrate(load(options), options.output)
    report(made.run)
    print(made.metrics)
    scores = made.scores
    print(f"HOTA {scores.hota:.1f}  MOTA {scores.mota:.1f}  IDF1 {scores.idf1:.1f}")
    return 0
