"""`trackformer data convert`: annotations of any known format in, a folder of another out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

SUMMARY: Final = "Write annotated data in another format."
FORMAT_NAMES: Final = ("mot", "coco", "yolo", "kitti", "cvat", "scalabel", "crowdhuman")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may be typed behind the sub-verb."""
    parser.add_argument("source", type=Path, metavar="SRC", help="annotations of any known format")
    parser.add_argument("destination", type=Path, metavar="DST", help="the folder to write")
    parser.add_argument("--to", required=True, choices=FORMAT_NAMES, help="the format to write")
    add_format_argument(parser, "SRC")
    parser.add_argument(
        "--images",
        choices=("link", "copy", "none"),
        default="link",
        help="link: the same files under a second name, copied where DST is on another disk; copy; "
        "none: annotations only (default: link)",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace DST if an earlier conversion made it"
    )


def add_format_argument(parser: argparse.ArgumentParser, read: str) -> None:
    """`--format`, which names the format of what is read."""
    parser.add_argument(
        "--format",
        choices=FORMAT_NAMES,
        help=f"read {read} as this format instead of the one it looks like",
    )


def run(options: argparse.Namespace) -> int:
    """Annotations in, a folder of another format out."""
    from trackformer.data.convert import convert_annotations

    made = convert_annotations(
        options.source,
        options.destination,
        options.to,
        source_format=options.format,
        images=options.images,
        overwrite=options.overwrite,
    )
    print(f"{made.num_sequences} sequences, {made.num_frames} frames, {made.num_boxes} boxes")
    if made.not_held:
        print(f"{options.to} cannot hold: {', '.join(made.not_held)}")
    print(options.destination)
    return 0
