"""`trackformer data label`: annotations or film and a detector in, more annotations out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from trackformer.settings_flags import add_settings_flags, given_settings
from trackformer.verbs.data.convert import add_image_folder_argument

SUMMARY: Final = "Label with another detector what is not annotated: people left out, and film."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may be typed behind the sub-verb."""
    parser.add_argument(
        "source",
        type=Path,
        metavar="SRC",
        help="annotations of any known format, with images; or a video file without annotation",
    )
    parser.add_argument("destination", type=Path, metavar="DST", help="the folder to write")
    parser.add_argument(
        "--teacher",
        type=Path,
        required=True,
        metavar="ONNX",
        help="a detector as --proposals takes it (RTMDet, exported by MMDeploy); its first class "
        "is what is labelled",
    )
    add_image_folder_argument(parser)
    add_settings_flags(
        parser,
        "trackformer.training.teacher.settings",
        "LabelSettings",
        "In still images sure boxes become objects, in annotated videos ignore regions; film "
        "without annotation gets the tracks of ByteTrack over them.",
    )


def run(options: argparse.Namespace) -> int:
    """Annotations or film in, a folder of annotations out."""
    from rich.console import Console
    from rich.progress import Progress

    from trackformer.config import settings_from
    from trackformer.training.teacher.settings import LabelSettings
    from trackformer.training.teacher.write import label

    settings = settings_from(LabelSettings, given_settings(options), "command line")
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("looking", total=None)
        made = label(
            options.source,
            options.destination,
            options.teacher,
            settings,
            lambda: progress.advance(task),
            options.image_folder,
        )
    print(f"{made.num_sequences} sequences, {made.num_frames} frames, {made.num_boxes} boxes")
    print(options.destination)
    return 0
