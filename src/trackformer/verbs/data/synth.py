"""`trackformer data synth`: the name of a skill in, sequences with exact ground truth out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from trackformer.settings_flags import add_settings_flags, given_settings

SUMMARY: Final = "Draw synthetic videos with exact boxes, visibility, ids and outlines."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may be typed behind the verb."""
    parser.add_argument(
        "destination",
        type=Path,
        metavar="DST",
        help="folder to write to: a MOTChallenge folder for each sequence, and annotations.json "
        "(COCO) if masks are asked for",
    )
    add_settings_flags(
        parser,
        "trackformer.data.synthetic.settings",
        "SyntheticSettings",
        "Skills: plain, crossing, lookalikes, occlusion, reentry, exits, stops, crowd, small, "
        "classes, camera, lighting, blur, empty, mixed.",
    )


def run(options: argparse.Namespace) -> int:
    """The name of a skill in, sequences with exact ground truth out."""
    from rich.console import Console
    from rich.progress import Progress

    from trackformer.config import settings_from
    from trackformer.data.synthetic.dataset import synthetic_data
    from trackformer.data.synthetic.settings import SyntheticSettings
    from trackformer.data.synthetic.write import write_sequences

    settings = settings_from(SyntheticSettings, given_settings(options), "command line")
    data = synthetic_data(settings)
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(settings.skill, total=settings.sequences)
        written = write_sequences(data, options.destination, lambda: progress.advance(task))
    print(
        f"{options.destination}: {written.sequences} sequences, {written.frames} frames, "
        f"{written.identities} identities, {written.boxes} boxes"
    )
    return 0
