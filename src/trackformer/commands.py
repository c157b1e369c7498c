"""What each verb of the command line does with its parsed options.

Imports are inside the functions: a mistyped path is reported before torch is loaded.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from trackformer.config import read_settings, settings_from
from trackformer.errors import DataError
from trackformer.settings_flags import given_settings

if TYPE_CHECKING:
    from rich.table import Table

    from trackformer.models.trackformer import TrackFormer
    from trackformer.tracking.public_detections import PublicDetections
    from trackformer.tracking.run import VideoRun
    from trackformer.video.frames import FrameSource

Command = Callable[[argparse.Namespace], int]
"""Takes parsed options and returns the program's exit code."""

PARTLY_FAILED: Final = 1
"""Exit code of a video that broke off: the results before the cut were written."""
CHECK_FAILED: Final = 1
"""Exit code of a conversion whose outputs differ from the source's."""


def track(options: argparse.Namespace) -> int:
    """A video in, tracks out."""
    from trackformer.tracking.settings import TrackerSettings

    changes = _tracker_changes(options)
    public_detections = _public_detections(options)

    def work(model: TrackFormer, source: FrameSource) -> VideoRun:
        from trackformer.tracking.run import track_video

        return track_video(
            model,
            source,
            options.output,
            settings_from(TrackerSettings, model.settings.tracker | changes, "tracker settings"),
            public_detections=public_detections,
            write_video=not options.no_video,
            overwrite=options.overwrite,
        )

    return _process_video(options, "tracks", work)


def detect(options: argparse.Namespace) -> int:
    """A video in, detections out."""
    from trackformer.tracking.settings import DetectSettings

    settings = settings_from(DetectSettings, given_settings(options), "command line")

    def work(model: TrackFormer, source: FrameSource) -> VideoRun:
        from trackformer.tracking.run import detect_video

        return detect_video(
            model,
            source,
            options.output,
            settings,
            write_video=not options.no_video,
            overwrite=options.overwrite,
        )

    return _process_video(options, "detections", work)


def train(options: argparse.Namespace) -> int:
    """Settings in, weights out."""
    from trackformer.training.settings import TrainingSettings

    settings = read_settings(TrainingSettings, options.config, options.overrides)
    from trackformer.training.run import train

    train(settings, resume=options.resume)
    return 0


def evaluate(options: argparse.Namespace) -> int:
    """Result files in, a table of scores out."""
    from trackformer.evaluation.report import evaluate_folders, score_table, write_json

    table = evaluate_folders(options.ground_truth, options.results)
    _print_whole(score_table(table))
    if options.json is not None:
        try:
            write_json(table, options.json)
        except OSError as error:
            raise DataError(f"{options.json}: cannot be written: {error.strerror}") from error
        print(options.json)
    return 0


def convert(options: argparse.Namespace) -> int:
    """Any weights in, one file of ours out."""
    import warnings

    from trackformer.checkpoints.convert import compare, convert

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        model = convert(options.source, options.destination, overwrite=options.overwrite)
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


def demo(options: argparse.Namespace) -> int:
    """The bundled clip, tracked and scored."""
    from trackformer.demo import demonstrate

    made = demonstrate(_load(options), options.output)
    _report(made.run)
    print(made.metrics)
    scores = made.scores
    print(f"HOTA {scores.hota:.1f}  MOTA {scores.mota:.1f}  IDF1 {scores.idf1:.1f}")
    return 0


def info(_options: argparse.Namespace) -> int:
    """Versions, devices and bundled models: what a report of a bug should begin with."""
    import platform
    from importlib.metadata import version

    from trackformer.checkpoints.load import bundled_models
    from trackformer.devices import available_devices

    packages = ("trackformer", "torch", "torchvision", "transformers", "accelerate", "av", "numpy")
    rows = {name: version(name) for name in packages}
    rows["python"] = f"{platform.python_version()} on {platform.platform()}"
    rows["devices"] = ", ".join(available_devices())
    rows["bundled models"] = ", ".join(bundled_models()) or "none"
    for name, text in rows.items():
        print(f"{name:15} {text}")
    return 0


def _tracker_changes(options: argparse.Namespace) -> dict[str, Any]:
    """What the settings file and the flags say, checked before anything slow starts."""
    from trackformer.tracking.settings import TrackerSettings

    flags = settings_from(TrackerSettings, given_settings(options), "command line")
    changes = flags.model_dump(exclude_unset=True)
    if options.settings is None:
        return changes
    in_file = read_settings(TrackerSettings, options.settings).model_dump(exclude_unset=True)
    return in_file | changes


def _public_detections(options: argparse.Namespace) -> PublicDetections | None:
    """The given detection file, read before anything slower starts."""
    if options.public_detections is None:
        return None
    from trackformer.tracking.public_detections import read_public_detections

    return read_public_detections(options.public_detections)


def _process_video(
    options: argparse.Namespace,
    kind: Literal["tracks", "detections"],
    work: Callable[[TrackFormer, FrameSource], VideoRun],
) -> int:
    from trackformer.tracking.output_files import check_output, output_files
    from trackformer.video.sources import open_source

    files = output_files(options.output, kind, write_video=not options.no_video)
    # The source first: a mistyped name must not leave an empty output folder behind.
    with open_source(options.source) as source:
        check_output(files, overwrite=options.overwrite)
        model = _load(options)
        try:
            run = work(model, source)
        except KeyboardInterrupt:
            _print_files(files.written())
            raise
    return _report(run)


def _load(options: argparse.Namespace) -> TrackFormer:
    from trackformer.checkpoints.load import load_model
    from trackformer.devices import choose_device

    return load_model(options.model, choose_device(options.device))


def _report(run: VideoRun) -> int:
    rate = run.num_frames / max(run.seconds, 1e-9)
    print(f"{run.num_frames} frames, {run.num_objects} boxes, {rate:.1f} frames per second")
    _print_files(run.files)
    if run.broken_off is None:
        return 0
    print(f"error: {run.broken_off}; the frames before are kept", file=sys.stderr)
    return PARTLY_FAILED


def _print_files(files: tuple[Path, ...]) -> None:
    for path in files:
        print(path)


def _print_whole(table: Table) -> None:
    """Print a table as wide as it is: rich would shorten the numbers to fit the terminal."""
    from rich.console import Console

    console = Console()
    unlimited = console.options.update(width=1000)
    width = console.measure(table, options=unlimited).maximum
    Console(width=max(width, console.width)).print(table)
