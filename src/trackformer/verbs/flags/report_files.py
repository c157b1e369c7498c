"""Which files a report on results is also written to."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_report_arguments(parser: argparse.ArgumentParser) -> None:
    """Scores, switches, failures and plots as files, and what these need."""
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="also write the scores, in [0, 100], to FILE"
    )
    parser.add_argument(
        "--switches",
        type=Path,
        metavar="FILE.csv",
        help="write every identity switch with its cause",
    )
    parser.add_argument(
        "--failures",
        type=Path,
        metavar="DIR",
        help="write the worst identity switches and misses as pictures, grouped by cause: "
        "DIR/index.html (docs/failures.md)",
    )
    parser.add_argument(
        "--worst", type=int, metavar="N", help="so many failures have a picture (default: 20)"
    )
    parser.add_argument(
        "--video",
        type=Path,
        metavar="SOURCE",
        help="where --failures finds the frames of annotations without images: a video or a folder",
    )
    parser.add_argument(
        "--plots", type=Path, metavar="DIR", help="write hota.png, sequences.png and switches.png"
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="of the drawings for the intervals (default: 0)"
    )
