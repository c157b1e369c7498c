"""What `track` and `detect` share."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from trackformer.verbs.flags.classes import add_classes_argument, only_asked
from trackformer.verbs.flags.model import add_model_arguments, load

if TYPE_CHECKING:
    from trackformer.models.frame_model import FrameModel
    from trackformer.tracking.videos.video_run import VideoRun
    from trackformer.video.frames import FrameSource
    from trackformer.video.live import LiveReading

PARTLY_FAILED: Final = 1
"""Exit code of a video that broke off: the results before the cut were written."""
STANDARD_OUTPUT: Final = Path("-")
"""As `--output`: lines for the next program."""


SOURCE_HELP: Final = (
    "a video file, a folder or quoted pattern of images, a MOTChallenge sequence, a camera's index "
    "(0 is the first), the address of a stream (RTSP, HTTP, UDP, TCP), or - for the standard input"
)


def add_video_arguments(
    parser: argparse.ArgumentParser,
    files: str,
    output: Callable[[str], Path | StoredFolder] = Path,
) -> None:
    """Where results go, and how; `files` names these, `output` reads where."""
    parser.add_argument(
        "--output",
        type=output,
        metavar="DIR",
        required=True,
        help=f"folder for {files}",
    )
    add_model_arguments(parser)
    add_classes_argument(parser, "others are not looked for")
    parser.add_argument(
        "--every-frame",
        action="store_true",
        help="read a camera or stream frame by frame even when that takes longer than it lasts; "
        "otherwise the newest picture counts (files are always read frame by frame)",
    )
    parser.add_argument(
        "--reconnect",
        type=whole_number,
        default=5,
        metavar="TIMES",
        help="how often in a row a camera or stream that dropped is tried again, after 1, 2, 4 ... "
        "at most 30 seconds; 0: it ends (default: 5)",
    )
    parser.add_argument("--no-video", action="store_true", help="do not write video.mp4")
    parser.add_argument(
        "--overwrite", action="store_true", help="replace results that DIR holds already"
    )


class StoredFolder(str):
    """A folder of a store (`s3://bucket/results`): no path of this machine."""

    __slots__ = ()


def output_folder(text: str) -> Path | StoredFolder:
    """What `--output` names; only `--cluster` takes the folder of a store."""
    return StoredFolder(text) if "://" in text else Path(text)


def process_video(
    options: argparse.Namespace,
    source: str,
    kind: Literal["tracks", "detections"],
    work: Callable[[FrameModel, FrameSource], VideoRun],
    *,
    every_layer: bool = False,
) -> int:
    """Let `work` process a video, with all decoder layers or the last; returns the exit code."""
    from trackformer.tracking.videos.output_files import foresee_output, output_files
    from trackformer.video.sources import open_source

    files = output_files(options.output, kind, write_video=not options.no_video)
    # The source first: a mistyped name must not leave an empty output folder behind.
    with open_source(source, live_reading(options)) as opened:
        foresee_output(files, overwrite=options.overwrite, resume=options.resume)
        model = only_asked(load(options, every_layer=every_layer), options)
        try:
            run = work(model, opened)
        except KeyboardInterrupt:
            _print_files(files.written())
            _print_remarks(opened.remarks)
            raise
    return report(run)


def print_lines(
    options: argparse.Namespace,
    source: str,
    work: Callable[[FrameModel, FrameSource, Callable[[str], object]], VideoRun],
) -> int:
    """Let `work` print what it finds, line by line; all else goes to the error output."""
    from trackformer.video.sources import open_source

    with open_source(source, live_reading(options)) as opened:
        model = only_asked(load(options), options)
        try:
            run = work(model, opened, _print_line)
        except BrokenPipeError:
            # Whoever read has enough. What Python still holds for it must not fail at the end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        except KeyboardInterrupt:
            _print_remarks(opened.remarks)
            raise
    print(in_short(run), file=sys.stderr)
    return _print_end(run)


def _print_line(line: str) -> None:
    print(line, flush=True)


def report(run: VideoRun) -> int:
    """Print what was done; returns the exit code."""
    print(in_short(run))
    _print_files(run.files)
    return _print_end(run)


def _print_end(run: VideoRun) -> int:
    _print_remarks(run.remarks)
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


def live_reading(options: argparse.Namespace) -> LiveReading:
    """How cameras and streams are read."""
    from trackformer.video.live import LiveReading

    return LiveReading(every_frame=options.every_frame, reconnect=options.reconnect)


def whole_number(text: str) -> int:
    """0 or more, for argparse."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a whole number, 0 or more, got {text!r}")
    return int(text)


def _print_remarks(remarks: Sequence[str]) -> None:
    for remark in remarks:
        print(f"note: {remark}", file=sys.stderr)


def in_short(run: VideoRun) -> str:
    """What was done, and how fast, in one line."""
    counts = f"{run.num_frames} frames, {run.num_objects} boxes"
    num_new = run.num_frames - run.num_frames_before
    if num_new == 0:
        return f"{counts}, nothing was left to do"
    before = f" ({run.num_frames_before} were there)" if run.num_frames_before else ""
    return f"{counts}, {num_new / max(run.seconds, 1e-9):.1f} frames per second{before}"


def _print_files(files: tuple[Path, ...]) -> None:
    for path in files:
        print(path)
