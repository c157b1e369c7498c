"""`trackformer detect`: a video in, detections out."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Final

from trackformer.settings_flags import add_settings_flags, given_settings
from trackformer.verbs.video import add_video_arguments, process_video

if TYPE_CHECKING:
    from trackformer.models.trackformer import TrackFormer
    from trackformer.tracking.run import VideoRun
    from trackformer.video.frames import FrameSource

SUMMARY: Final = "Detect the objects of a video, without identities."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may be typed behind the verb."""
    add_video_arguments(parser, "detections.txt, detections.jsonl and video.mp4")
    add_settings_flags(
        parser, "trackformer.tracking.settings", "DetectSettings", "Scores and IoUs lie in [0, 1]."
    )


def run(options: argparse.Namespace) -> int:
    """A video in, detections out."""
    from trackformer.config import settings_from
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

    return process_video(options, "detections", work)
