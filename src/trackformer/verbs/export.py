"""`trackformer export`: a model in, a file for other runtimes out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from trackformer.verbs.flags.model import WEIGHTS_HELP

SLOTS: Final = 100
SUMMARY: Final = "Write a model as an ONNX file, and check that it answers alike."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may be typed behind the verb."""
    parser.add_argument("--model", default="nano", help=f"{WEIGHTS_HELP} (default: nano)")
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE.onnx",
        required=True,
        help="the file to write: one tracked frame, of any size, with any number of tracks; "
        "settings, classes and thresholds are in its metadata (docs/deploy.md)",
    )
    parser.add_argument(
        "--tracker",
        action="store_true",
        help="the whole tracker in the file: pixels and the state of before in, identities and the "
        "next state out",
    )
    parser.add_argument(
        "--slots",
        type=int,
        metavar="N",
        help=f"with --tracker: most tracks at a time; beyond, those lost for longest are given up "
        f"first (default: {SLOTS})",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace FILE.onnx if it exists")


def run(options: argparse.Namespace) -> int:
    """A model in, a file for other runtimes out."""
    from trackformer.checkpoints.load import load_weights
    from trackformer.errors import ConfigError
    from trackformer.exporting.onnx_file import check_can_export, export_onnx

    # Before the model is loaded: a mistyped name is reported at once.
    check_can_export(options.output, overwrite=options.overwrite)
    if options.tracker:
        return _export_tracker(options)
    if options.slots is not None:
        raise ConfigError("--slots: only with --tracker")
    difference = export_onnx(
        load_weights(options.model), options.output, overwrite=options.overwrite
    )
    print(options.output)
    print(f"onnxruntime answers as the model does (largest difference {difference:.1e})")
    return 0


def _export_tracker(options: argparse.Namespace) -> int:
    from trackformer.checkpoints.load import load_weights
    from trackformer.exporting.tracker_file import check_slots, export_tracker

    slots = SLOTS if options.slots is None else options.slots
    check_slots(slots)
    num_frames = export_tracker(
        load_weights(options.model), options.output, slots, overwrite=options.overwrite
    )
    print(options.output)
    print(f"the same identities as the tracker's in {num_frames} frames of the bundled clip")
    return 0
