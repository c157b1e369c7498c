"""`trackformer data convert`: annotations of any known format in, a folder of another out."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from trackformer.data.annotations import AnnotatedData

SUMMARY: Final = "Write annotated data in another format."
FORMAT_NAMES: Final = (
    "mot",
    "tracks",
    "coco",
    "yolo",
    "kitti",
    "cvat",
    "scalabel",
    "crowdhuman",
    "label-studio",
    "csv",
    "parquet",
)

KEY_FRAME_FORMATS: Final = ("cvat", "label-studio")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may be typed behind the sub-verb."""
    parser.add_argument("source", type=Path, metavar="SRC", help="annotations of any known format")
    parser.add_argument("destination", type=Path, metavar="DST", help="the folder to write")
    parser.add_argument("--to", required=True, choices=FORMAT_NAMES, help="the format to write")
    add_format_argument(parser, "SRC")
    add_image_folder_argument(parser)
    parser.add_argument(
        "--images",
        choices=("link", "copy", "none"),
        default="link",
        help="link: the same files under a second name, copied where DST is on another disk; copy; "
        "none: annotations only (default: link)",
    )
    parser.add_argument(
        "--key-frame-iou",
        type=float,
        metavar="IOU",
        help="cvat, label-studio: only as many key frames as keep all boxes, moved evenly between "
        "them, at this IoU (default: 0.9 for tracks, every box for annotations)",
    )
    parser.add_argument(
        "--corrections",
        type=Path,
        metavar="FILE.json",
        help="tracks: joined, split and deleted as trackformer inspect saved it (docs/why.md)",
    )
    parser.add_argument(
        "--video",
        metavar="SOURCE",
        help="tracks: the video that was tracked, whose frames become the images of DST",
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


def check_key_frame_iou(options: argparse.Namespace) -> None:
    """Refuse what is no IoU, and formats without key frames."""
    from trackformer.errors import ConfigError

    if options.key_frame_iou is None:
        return
    if not 0 < options.key_frame_iou <= 1:
        raise ConfigError(
            f"--key-frame-iou: expected an IoU in (0, 1], got {options.key_frame_iou}"
        )
    if options.to not in KEY_FRAME_FORMATS:
        raise ConfigError(
            f"--key-frame-iou: only for --to {', '.join(KEY_FRAME_FORMATS)}, got {options.to}"
        )


def add_image_folder_argument(parser: argparse.ArgumentParser) -> None:
    """`--image-folder`, which names folders that images may lie in."""
    parser.add_argument(
        "--image-folder",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="images may also lie in DIR (may be repeated); else only those in the folder of the "
        "annotations are read, wherever links and names in files lead",
    )


def run(options: argparse.Namespace) -> int:
    """Annotations in, a folder of another format out."""
    from trackformer.data.convert import convert_annotations

    check_key_frame_iou(options)
    with ExitStack() as stack:
        made = convert_annotations(
            options.source,
            options.destination,
            options.to,
            source_format=options.format,
            image_folders=options.image_folder,
            images=options.images,
            key_frame_iou=options.key_frame_iou,
            change=_change(options, stack),
            overwrite=options.overwrite,
        )
    print(f"{made.num_sequences} sequences, {made.num_frames} frames, {made.num_boxes} boxes")
    if made.not_held:
        print(f"{options.to} cannot hold: {', '.join(made.not_held)}")
    print(options.destination)
    return 0


def _change(
    options: argparse.Namespace, stack: ExitStack
) -> Callable[[AnnotatedData], AnnotatedData] | None:
    """What corrections and a video make of tracks; what they need is there until `stack` ends."""
    if options.corrections is None and options.video is None:
        return None
    from trackformer.inspecting.corrections import corrected, read_corrections
    from trackformer.inspecting.frame_images import with_images

    corrections = () if options.corrections is None else read_corrections(options.corrections)

    def change(data: AnnotatedData) -> AnnotatedData:
        data = corrected(data, corrections)
        if options.video is None:
            return data
        parent = options.destination.resolve().parent
        parent.mkdir(parents=True, exist_ok=True)
        # On the disk of the destination, where a link is enough.
        folder = stack.enter_context(TemporaryDirectory(prefix=".frames.", dir=parent))
        return with_images(data, options.video, Path(folder))

    return change
