"""`trackformer detect`: a video in, detections out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Final

from trackformer.settings_flags import add_settings_flags, given_settings
from trackformer.verbs.flags.classes import only_asked
from trackformer.verbs.flags.model import load
from trackformer.verbs.flags.video import SOURCE_HELP, add_video_arguments, process_video

if TYPE_CHECKING:
    from trackformer.models.frame_model import FrameModel
    from trackformer.tracking.settings import DetectSettings
    from trackformer.tracking.videos.video_run import VideoRun
    from trackformer.video.frames import FrameSource

SUMMARY: Final = "Detect the objects of a video, without identities."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may be typed behind the verb."""
    parser.add_argument("source", metavar="SOURCE", help=SOURCE_HELP)
    # Frames that know nothing of each other: what was cut is soon done again.
    parser.set_defaults(resume=False)
    add_video_arguments(parser, "detections.txt, detections.jsonl and video.mp4")
    parser.add_argument(
        "--coco",
        type=Path,
        metavar="FILE.json",
        help="detect in the images that this COCO file lists, which lie in the folder SOURCE, and "
        "write detections.json in COCO's form, for AP; then the defaults are --min-score 0, "
        "--nms-iou null and --every-class true",
    )
    add_settings_flags(
        parser, "trackformer.tracking.settings", "DetectSettings", "Scores and IoUs lie in [0, 1]."
    )


def run(options: argparse.Namespace) -> int:
    """A video in, detections out."""
    from trackformer.config import settings_from
    from trackformer.tracking.settings import DetectSettings

    settings = settings_from(DetectSettings, given_settings(options), "command line")
    if options.coco is not None:
        return _detect_in_coco(options, settings)

    def work(model: FrameModel, source: FrameSource) -> VideoRun:
        from trackformer.tracking.videos.run import detect_video

        return detect_video(
            model,
            source,
            options.output,
            settings,
            write_video=not options.no_video,
            overwrite=options.overwrite,
        )

    return process_video(options, options.source, "detections", work)


def _detect_in_coco(options: argparse.Namespace, settings: DetectSettings) -> int:
    """The images of a COCO file in, one result file out."""
    from trackformer.config import settings_from
    from trackformer.data.formats.coco.results import read_coco_images, write_coco_results
    from trackformer.errors import DataError
    from trackformer.evaluation.trials.detector_scores import EVERYTHING, detect_images
    from trackformer.tracking.settings import DetectSettings

    path = options.output / "detections.json"
    if path.exists() and not options.overwrite:
        raise DataError(f"{path}: exists already (--overwrite replaces it)")
    images = read_coco_images(options.coco, Path(options.source))
    changed = EVERYTHING.model_dump() | settings.model_dump(exclude_unset=True)
    chosen = settings_from(DetectSettings, changed, "command line")
    results = detect_images(only_asked(load(options), options), images, chosen)
    write_coco_results(path, results)
    print(f"{len(images.images)} images, {len(results)} boxes")
    print(path)
    return 0
