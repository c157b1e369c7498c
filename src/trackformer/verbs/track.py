"""`trackformer track`: a video in, tracks out."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from trackformer.settings_flags import add_settings_flags, given_settings
from trackformer.verbs.flags.also import (
    add_also_argument,
    also_formats,
    check_also,
    write_also,
)
from trackformer.verbs.flags.classes import only_asked
from trackformer.verbs.flags.cluster import refuse_stored
from trackformer.verbs.flags.detections import (
    OWN_FILE,
    OWN_FILES,
    PROPOSAL_SCORE,
    given_proposals,
    given_public_detections,
)
from trackformer.verbs.flags.many import add_many_arguments, listed, run_many
from trackformer.verbs.flags.model import load
from trackformer.verbs.flags.offline import add_offline_argument, check_offline, with_hindsight
from trackformer.verbs.flags.settings_file import changes_in
from trackformer.verbs.flags.tracker_file import named_tracker, track_with_tracker
from trackformer.verbs.flags.video import (
    SOURCE_HELP,
    STANDARD_OUTPUT,
    add_video_arguments,
    live_reading,
    output_folder,
    print_lines,
    process_video,
    report_all,
)
from trackformer.verbs.flags.zones import add_zone_arguments, zone_counter

if TYPE_CHECKING:
    from trackformer.models.frame_model import FrameModel
    from trackformer.tracking.tracing.records import RunNames
    from trackformer.tracking.videos.video_run import VideoRun
    from trackformer.tracking.videos.zones import ZoneCounter
    from trackformer.video.frames import FrameSource

SUMMARY: Final = "Track the objects of a video, or of several at once."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may be typed behind the verb."""
    parser.add_argument(
        "sources",
        metavar="SOURCE",
        nargs="+",
        help=f"{SOURCE_HELP}; several are tracked side by side, each into a folder of DIR. "
        "A folder or quoted pattern of videos, or a .txt file with one a line: each of them",
    )
    add_video_arguments(
        parser,
        "tracks.txt, tracks.jsonl and video.mp4; - prints the lines of tracks.jsonl",
        output_folder,
    )
    add_many_arguments(parser)
    parser.add_argument(
        "--timed",
        action="store_true",
        help="look for objects where they are after the time that has passed, not after so many "
        "frames: for sources that drop frames (always with --patience-s)",
    )
    parser.add_argument(
        "--settings",
        type=Path,
        metavar="FILE.yaml",
        help="tracker settings that differ from the model's own (flags win over the file)",
    )
    parser.add_argument(
        "--trace",
        action="store_true",
        help="also write trace.jsonl: what each query was asked and answered, and why it was kept, "
        "lost or born (docs/why.md)",
    )
    parser.add_argument(
        "--public-detections",
        type=Path,
        metavar="det.txt",
        help="MOTChallenge detections of the video: tracks begin only where they show an object",
    )
    parser.add_argument(
        "--proposals",
        nargs="?",
        const=OWN_FILES,
        metavar="FILE",
        help="another detector, whose boxes the model is asked about, too: MOTChallenge detections "
        "of the video, or a detector of MMDetection as FILE.onnx (docs/proposals.md); without a "
        f"file, each MOTChallenge sequence's own {OWN_FILE}",
    )
    parser.add_argument(
        "--proposal-score",
        type=float,
        metavar="SCORE",
        help=f"lowest score of a proposal that is asked about (default: {PROPOSAL_SCORE})",
    )
    add_offline_argument(parser)
    add_zone_arguments(parser)
    add_also_argument(parser)
    add_settings_flags(
        parser,
        "trackformer.tracking.settings",
        "TrackerSettings",
        "Scores and IoUs lie in [0, 1]. What is not given stays as stored with the model; the "
        "defaults below are for models that store none.",
    )


def run(options: argparse.Namespace) -> int:
    """A video in, tracks out; or several."""
    _refuse_together(options)
    refuse_stored(options)
    changes = _tracker_changes(options)
    options.sources, is_listed = listed(options.sources)
    refuse_stored(options)  # a list may name them, too
    is_spread = is_listed or options.jobs is not None or options.cluster is not None
    tracker = named_tracker(options)
    zones = zone_counter(options, is_alone=not is_spread and tracker is None)
    if tracker is not None:
        return track_with_tracker(options, changes, tracker)
    if is_spread:
        return run_many(options, changes)
    return _run_model(options, changes, zones)


def _run_model(
    options: argparse.Namespace, changes: dict[str, Any], zones: ZoneCounter | None
) -> int:
    """The same with a model, in this process."""
    from trackformer.config import settings_from
    from trackformer.tracking.settings import TrackerSettings

    if len(options.sources) > 1:
        return _run_streams(options, changes)
    if options.output == STANDARD_OUTPUT:
        return _run_to_lines(options, changes)
    also = also_formats(options)
    check_also([options.output], also, overwrite=options.overwrite or options.resume)
    public_detections = given_public_detections(options)
    (proposals,) = given_proposals(options)

    def work(model: FrameModel, source: FrameSource) -> VideoRun:
        from trackformer.tracking.videos.run import track_video

        settings = settings_from(
            TrackerSettings, model.settings.tracker | changes, "tracker settings"
        )
        if options.offline:
            check_offline(model, source, settings)
        run = track_video(
            model,
            source,
            options.output,
            settings,
            public_detections=public_detections,
            proposals=proposals,
            trace=_names(options, options.sources[0]) if options.trace else None,
            zones=None if options.offline else zones,
            write_video=not options.no_video and not options.offline,
            overwrite=options.overwrite,
            resume=options.resume,
            save_every=options.save_every,
            timed=options.timed,
        )
        if options.offline:
            run = with_hindsight(run, options, zones)
        return write_also(run, options.output, also, overwrite=options.overwrite or options.resume)

    return process_video(options, options.sources[0], "tracks", work, every_layer=options.trace)


def _refuse_together(options: argparse.Namespace) -> None:
    """Flags that contradict hindsight."""
    from trackformer.errors import ConfigError

    if options.trace and options.offline:
        # Hindsight joins identities after the trace is written: its reasons would be of others.
        raise ConfigError("--trace: expected tracks as they were decided, got --offline, too")
    if options.offline and options.resume:
        raise ConfigError("--offline: not with --resume, since revised results cannot go on")
    if options.trace and options.resume:
        raise ConfigError("--trace: not with --resume, since a trace begins with the run")


def _run_to_lines(options: argparse.Namespace, changes: dict[str, Any]) -> int:
    """A video in, a line a frame out, for the next program of a pipe."""
    from trackformer.config import settings_from
    from trackformer.errors import ConfigError
    from trackformer.tracking.settings import TrackerSettings
    from trackformer.tracking.videos.lines import track_to_lines

    for flag in ("resume", "trace", "also", "offline"):
        if getattr(options, flag):
            raise ConfigError(f"--{flag}: expected a folder for --output, got -")
    public_detections = given_public_detections(options)
    (proposals,) = given_proposals(options)

    def work(model: FrameModel, source: FrameSource, write: Callable[[str], object]) -> VideoRun:
        return track_to_lines(
            model,
            source,
            write,
            settings_from(TrackerSettings, model.settings.tracker | changes, "tracker settings"),
            public_detections=public_detections,
            proposals=proposals,
            timed=options.timed,
        )

    return print_lines(options, options.sources[0], work)


def _run_streams(options: argparse.Namespace, changes: dict[str, Any]) -> int:
    """Several videos in, a folder of tracks for each out."""
    from trackformer.config import settings_from
    from trackformer.errors import ConfigError
    from trackformer.tracking.settings import TrackerSettings
    from trackformer.tracking.videos.streams import stream_folders, track_streams

    if options.output == STANDARD_OUTPUT:
        raise ConfigError(f"--output -: expected one SOURCE, got {len(options.sources)}")
    if options.public_detections is not None:
        raise ConfigError(
            f"--public-detections: expected one SOURCE, got {len(options.sources)}; "
            "track the videos one by one"
        )
    if options.offline:
        raise ConfigError(f"--offline: expected one SOURCE, got {len(options.sources)}")
    also, folders = also_formats(options), stream_folders(options.sources, options.output)
    check_also(folders, also, overwrite=options.overwrite or options.resume)
    proposals = given_proposals(options)
    model = only_asked(load(options, every_layer=options.trace), options)
    runs = track_streams(
        model,
        options.sources,
        options.output,
        settings_from(TrackerSettings, model.settings.tracker | changes, "tracker settings"),
        proposals=proposals,
        traces=[_names(options, each) for each in options.sources] if options.trace else None,
        write_video=not options.no_video,
        overwrite=options.overwrite,
        resume=options.resume,
        save_every=options.save_every,
        timed=options.timed,
        live=live_reading(options),
    )
    written = [
        write_also(run, folder, also, overwrite=options.overwrite or options.resume)
        for run, folder in zip(runs, folders, strict=True)
    ]
    return report_all(options.sources, written)


def _names(options: argparse.Namespace, source: str) -> RunNames:
    """As they can be loaded from another folder, too; cameras and addresses show no frame twice."""
    from trackformer.tracking.tracing.records import RunNames

    model, video = (
        str(Path(name).resolve()) if Path(name).exists() else None
        for name in (options.model, source)
    )
    return RunNames(model or options.model, video)


def _tracker_changes(options: argparse.Namespace) -> dict[str, Any]:
    """What the settings file and the flags say, checked before anything slow starts."""
    from trackformer.config import settings_from
    from trackformer.tracking.settings import TrackerSettings

    flags = settings_from(TrackerSettings, given_settings(options), "command line")
    changes = flags.model_dump(exclude_unset=True)
    return changes_in(options.settings) | changes
