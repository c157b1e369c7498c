"""`--offline`: recordings are looked at a second time, with hindsight."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trackformer.models.frame_model import FrameModel
    from trackformer.tracking.settings import TrackerSettings
    from trackformer.tracking.videos.video_run import VideoRun
    from trackformer.tracking.videos.zones import ZoneCounter
    from trackformer.video.frames import FrameSource


def add_offline_argument(parser: argparse.ArgumentParser) -> None:
    """`--offline`."""
    parser.add_argument(
        "--offline",
        action="store_true",
        help="of a recording: when all of it was tracked, smooth the boxes, join the fragments of "
        "one identity and fill gaps, before the video is drawn (docs/quality.md)",
    )


def check_offline(model: FrameModel, source: FrameSource, settings: TrackerSettings) -> None:
    """Refuse what hindsight is not for.

    Raises:
        ConfigError: The source has no end, or there would be results that it does not revise.
    """
    from trackformer.errors import ConfigError

    if source.num_frames is None:
        raise ConfigError(f"--offline: expected a recording, got the live source {source.name}")
    if model.predicts_masks:
        raise ConfigError("--offline: expected a model of boxes, got one that also predicts masks")
    if settings.compatibility == "reference":
        raise ConfigError("--offline: expected compatibility none, got reference")


def with_hindsight(
    run: VideoRun, options: argparse.Namespace, zones: ZoneCounter | None
) -> VideoRun:
    """The run with its files revised, and the video drawn from them."""
    from trackformer.tracking.hindsight.files import revise_results

    (source,) = options.sources
    return revise_results(run, options.output, source, zones, write_video=not options.no_video)
