"""`track --model FILE.onnx` where the file is a whole tracker: torch is never imported."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trackformer.verbs.flags.video import live_reading, report

if TYPE_CHECKING:
    from trackformer.checkpoints.onnx_session import OnnxSession


def named_tracker(options: argparse.Namespace) -> OnnxSession | None:
    """The opened `--model`, if it is a tracker that `trackformer export --tracker` wrote."""
    path = Path(options.model)
    if path.suffix.lower() != ".onnx":
        return None
    from trackformer.tracking.tracker_file import opened_tracker

    return opened_tracker(path, options.device)


def track_with_tracker(
    options: argparse.Namespace, changes: Mapping[str, Any], opened: OnnxSession
) -> int:
    """One video in, tracks out; returns the exit code.

    Raises:
        ConfigError: Something is asked for that such a file cannot do.
    """
    from trackformer.freed_memory import keep_freed_memory
    from trackformer.tracking.tracker_file import TrackerFile
    from trackformer.tracking.videos.one_file import track_with_file
    from trackformer.video.sources import open_source

    _refuse_others(options)
    keep_freed_memory()
    # The source first: a mistyped name must not leave an empty output folder behind.
    with open_source(options.sources[0], live_reading(options)) as source:
        tracker = TrackerFile(opened, changes=changes)
        run = track_with_file(
            tracker,
            source,
            options.output,
            write_video=not options.no_video,
            overwrite=options.overwrite,
        )
    code = report(run)
    if tracker.num_dropped:
        print(f"{tracker.num_dropped} tracks were given up since all slots were full")
    return code


def _refuse_others(options: argparse.Namespace) -> None:
    from trackformer.errors import ConfigError

    flags = {
        "--trace": options.trace,
        "--public-detections": options.public_detections,
        "--proposals": options.proposals,
        "--proposal-score": options.proposal_score,
        "--also": options.also,
        "--offline": options.offline,
        "--classes": options.classes,
        "--timed": options.timed,
        "--resume": options.resume,
        "--jobs": options.jobs,
        "--cluster": options.cluster,
        "--output -": str(options.output) == "-",
    }
    for flag, value in flags.items():
        if value not in (None, False):
            raise ConfigError(f"{flag}: not with a tracker in one file ({options.model})")
    if options.dtype != "float32":
        raise ConfigError(
            f"--dtype: expected float32 for {options.model}, since it was exported so"
        )
    if len(options.sources) > 1:
        raise ConfigError(
            f"{options.model}: a tracker in one file tracks one SOURCE, got {len(options.sources)}"
        )
