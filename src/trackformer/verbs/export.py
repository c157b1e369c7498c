"""`trackformer export`: a model in, a file for other runtimes out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Final

from trackformer.verbs.flags.model import WEIGHTS_HELP

if TYPE_CHECKING:
    from trackformer.exporting.onnx_file import Form
    from trackformer.models.trackformer import TrackFormer

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
    parser.add_argument(
        "--int8",
        nargs="+",
        metavar="SOURCE",
        help="the backbone's convolutions in integers of eight bits: a frame takes less time and "
        "answers a little otherwise; 32 frames of these videos or folders, which should look like "
        "what will be tracked, say how large its numbers become",
    )
    parser.add_argument(
        "--seed", type=int, metavar="N", help="with --int8: which frames are drawn (default: 0)"
    )
    parser.add_argument(
        "--gather",
        action="store_true",
        help="deformable attention by gathering cells: for TensorRT and other runtimes whose "
        "GridSample is wrong or missing",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace FILE.onnx if it exists")


def run(options: argparse.Namespace) -> int:
    """A model in, a file for other runtimes out."""
    from trackformer.checkpoints.load import load_weights
    from trackformer.errors import ConfigError
    from trackformer.exporting.onnx_file import check_can_export, export_onnx

    # Before the model is loaded: a mistyped name is reported at once.
    check_can_export(options.output, overwrite=options.overwrite)
    if options.seed is not None and options.int8 is None:
        raise ConfigError("--seed: only with --int8")
    if options.tracker:
        return _export_tracker(options)
    if options.slots is not None:
        raise ConfigError("--slots: only with --tracker")
    model = load_weights(options.model)
    differences = export_onnx(
        model, options.output, _form(model, options), overwrite=options.overwrite
    )
    print(options.output)
    print(f"onnxruntime answers as the model does (largest difference {differences.exact:.1e})")
    if differences.quantized is not None:
        print(f"in eight bits the largest difference is {differences.quantized:.1e}")
    return 0


def _export_tracker(options: argparse.Namespace) -> int:
    from trackformer.checkpoints.load import load_weights
    from trackformer.exporting.tracker_file import check_slots, export_tracker

    slots = SLOTS if options.slots is None else options.slots
    check_slots(slots)
    model = load_weights(options.model)
    same = export_tracker(
        model,
        options.output,
        slots,
        _form(model, options),
        overwrite=options.overwrite,
    )
    print(options.output)
    print(f"the same identities as the tracker's in {same.exact} frames of the bundled clip")
    if same.quantized is not None:
        print(f"in eight bits, in {same.quantized} of them")
    return 0


def _form(model: TrackFormer, options: argparse.Namespace) -> Form:
    from trackformer.exporting.int8_examples import drawn_examples
    from trackformer.exporting.onnx_file import Form

    if options.int8 is None:
        return Form(gathers=options.gather)
    return Form(drawn_examples(model, options.int8, options.seed or 0), options.gather)
