"""What `track` and `detect` share."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from trackformer.verbs.flags.classes import add_classes_argument, only_asked
from trackformer.verbs.flags.model import add_model_arguments, load

if TYPE_CHECKING:
    from trackformer.models.frame_model import FrameModel
    from trackformer.tracking.videos.run import VideoRun
    from trackformer.video.frames import FrameSource

PARTLY_FAILED: Final = 1
"""Exit code of a video that broke off: the results before the cut were written."""


SOURCE_HELP: Final = (
    "a video file, a folder or quoted pattern of images, a MOTChallenge sequence, a camera's index "
    "(0 is the first), or the address of a stream (RTSP, HTTP)"
)


def add_video_arguments(parser: argparse.ArgumentParser, files: str) -> None:
    """Where results go, and how; `files` names these."""
    parser.add_argument(
        "--output", type=Path, metavar="DIR", required=True, help=f"folder for {files}"
    )
    add_model_arguments(parser)
    add_classes_argument(parser, "others are not looked for")
    parser.add_argument("--no-video", action="store_true", help="do not write video.mp4")
    parser.add_argument(
        "--overwrite", action="store_true", help="replace results that DIR holds already"
    )


def process_video(
    options: argparse.Namespace,
    source: str,
    kind: Literal["tracks", "detections"],
    work: Callable[[FrameModel, FrameSource], VideoRun],
    *,
    every_layer: bool = False,
) -> int:
    """Let `work` process a video, with all decoder layers or the last; returns the exit code."""
    from trackformer.tracking.videos.output_files import check_output, output_files
    from trackformer.video.sources import open_source

    files = output_files(options.output, kind, write_video=not options.no_video)
    # The source first: a mistyped name must not leave an empty output folder behind.
    with open_source(source) as opened:
        check_output(files, overwrite=options.overwrite)
        model = only_asked(load(options, every_layer=every_layer), options)
        try:
            run = work(model, opened)
        except KeyboardInterrupt:
            _print_files(files.written())
            raise
    return report(run)


def report(run: VideoRun) -> int:
    """Print what was done; returns the exit code."""
    rate = run.num_frames / max(run.seconds, 1e-9)
    print(f"{run.num_frames} frames, {run.num_objects} boxes, {rate:.1f} frames per second")
    _print_files(run.files)
    for remark in run.remarks:
        print(f"note: {remark}", file=sys.stderr)
    if run.broken_off is None:
        return 0
    kept = "; the frames before are kept" if run.num_frames else ""
    print(f"error: {run.broken_off}{kept}", file=sys.stderr)
    return PARTLY_FAILED


def report_all(sources: Sequence[str], runs: Sequence[VideoRun]) -> int:
    """Print what became of several videos; returns the worst exit code."""
    codes = []
    for source, run in zip(sources, runs, strict=True):
        print(f"{source}:")
        codes.append(report(run))
    return max(codes)


def _print_files(files: tuple[Path, ...]) -> None:
    for path in files:
        print(path)
