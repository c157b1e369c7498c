"""`trackformer convert`: any weights in, one file of ours out."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

from trackformer.verbs.flags.model import WEIGHTS_HELP
from trackformer.verbs.flags.settings_file import changes_in

SUMMARY: Final = "Write any weights that load as one .safetensors file."
CHECK_FAILED: Final = 1
"""Exit code of a conversion whose outputs differ from the source's."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may be typed behind the verb."""
    parser.add_argument("source", metavar="SRC", help=WEIGHTS_HELP)
    parser.add_argument(
        "destination", type=Path, metavar="DST", help="the file to write, ending in .safetensors"
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="run probe images through both, print a fingerprint of the outputs, and fail if they "
        "differ",
    )
    parser.add_argument(
        "--settings",
        type=Path,
        metavar="FILE.yaml",
        help="tracker settings to store with the weights, such as `trackformer tune` finds",
    )
    parser.add_argument(
        "--average",
        nargs="+",
        default=[],
        metavar="WEIGHTS",
        help="of the same model, such as those that SRC was trained on from, or of other runs from "
        "these: write the mean of all, which often does better on scenes never seen than each",
    )
    parser.add_argument(
        "--queries",
        type=int,
        metavar="N",
        help="write a faster model with so many object queries; of the bundled models' kind",
    )
    parser.add_argument(
        "--decoder-layers",
        type=int,
        metavar="N",
        help="write a faster and worse model of the first N decoder layers, to be trained on; of "
        "the bundled models' kind",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace DST if it exists")


def run(options: argparse.Namespace) -> int:
    """Any weights in, one file of ours out."""
    import warnings

    from trackformer.checkpoints.convert import compare, convert
    from trackformer.checkpoints.smaller import Fewer

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        model = convert(
            options.source,
            options.destination,
            tracker=changes_in(options.settings),
            averaged_with=options.average,
            fewer=Fewer(options.queries, options.decoder_layers),
            overwrite=options.overwrite,
        )
    for warning in caught:
        print(f"warning: {warning.message}", file=sys.stderr)
    print(options.destination)
    if not options.check:
        return 0
    comparison = compare(model, options.destination)
    print(f"source:  {comparison.source}")
    print(f"written: {comparison.written}")
    if comparison.agrees:
        print(f"they agree (largest difference {comparison.largest_difference:.1e})")
        return 0
    print(
        f"error: {options.destination}: its outputs differ from the source's by up to "
        f"{comparison.largest_difference:.1e}",
        file=sys.stderr,
    )
    return CHECK_FAILED
