"""A whole video in, result files out."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing, nullcontext
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from jaxtyping import Float

from trackformer.models.frame_model import FrameModel
from trackformer.objects import Detections, TrackedObjects
from trackformer.tracking.lifecycle.public_detections import PublicDetections
from trackformer.tracking.proposals.places import ProposalSource
from trackformer.tracking.settings import DetectSettings, TrackerSettings
from trackformer.tracking.tracing.records import RunNames, TraceHeader
from trackformer.tracking.tracing.writing import Trace
from trackformer.tracking.tracker import ObjectDetector, PreparedFrame, Tracker, settings_for
from trackformer.tracking.videos.output_files import OutputFiles, check_output, output_files
from trackformer.tracking.videos.outputs import open_outputs
from trackformer.tracking.videos.progress import progress_bar
from trackformer.tracking.videos.reading import Reading
from trackformer.tracking.videos.zones import ZoneCounter
from trackformer.video.frames import Frame, FrameSource
from trackformer.video.sources import open_source

Source = str | Path | int | FrameSource
"""Whatever `open_source` takes, or what it returned."""


@dataclass(frozen=True, slots=True)
class VideoRun:
    """What became of a video."""

    files: tuple[Path, ...]
    num_frames: int
    num_objects: int
    """Boxes over all frames."""
    seconds: float
    """Reading, tracking, drawing and writing together."""
    broken_off: str | None
    """Why the video ended before its end; None if it did not."""
    remarks: tuple[str, ...] = ()
    """What to know before relying on frame numbers or times (`FrameSource.remarks`)."""


def track_video(  # noqa: PLR0913 - each is a choice of its own, and most have a default
    model: FrameModel,
    source: Source,
    output: Path | str,
    settings: TrackerSettings | None = None,
    *,
    public_detections: PublicDetections | None = None,
    proposals: ProposalSource | None = None,
    trace: RunNames | None = None,
    zones: ZoneCounter | None = None,
    write_video: bool = True,
    overwrite: bool = False,
) -> VideoRun:
    """Track the objects of a video and write the results while it is read.

    Writes `tracks.txt` (MOTChallenge), `tracks.jsonl` (one frame a line, as soon as it is known)
    and `video.mp4`; models with masks also `tracks_mots.txt` (MOTS20). Whatever stops it - Ctrl-C
    included - these files hold the frames so far. A progress bar is shown where the error output is
    a terminal.

    Args:
        model: In evaluation mode, on any device.
        source: A video, a folder or pattern of images, a camera, a stream (see `open_source`).
        output: A folder; made if it does not exist.
        settings: Thresholds; by default those stored with the model's weights.
        public_detections: Only objects that these show begin tracks; None: every object may.
        proposals: Another detector, about whose boxes the model is asked, too.
        trace: Write `trace.jsonl`, too (`docs/why.md`), with the names of what was tracked by what.
        zones: Counts who crosses lines and enters zones, and is drawn, too.
        write_video: Also draw the tracks into a video.
        overwrite: Replace results that are in the folder already.

    Raises:
        DataError: The source has no frames, or results cannot be written. A video that breaks off
            later is no error: `VideoRun.broken_off` tells why.
    """
    files = output_files(
        Path(output),
        "tracks",
        write_masks=model.predicts_masks,
        write_video=write_video,
        write_trace=trace is not None,
    )
    check_output(files, overwrite=overwrite)
    with (
        opened(source) as frames,
        trace_of(files.trace, trace, model, settings, frames.frame_rate) as traced,
    ):
        tracker = Tracker(model, settings, trace=traced)
        return _run(
            model,
            frames,
            files,
            lambda frame, prepared: tracker.update(
                prepared,
                _public_boxes(public_detections, frame, tracker.settings),
                None if proposals is None else proposals.in_frame(frame),
            ),
            as_published=tracker.settings.compatibility == "reference",
            zones=zones,
        )


def detect_video(
    model: FrameModel,
    source: Source,
    output: Path | str,
    settings: DetectSettings | None = None,
    *,
    write_video: bool = True,
    overwrite: bool = False,
) -> VideoRun:
    """`track_video` without identities: `detections.txt`, `detections.jsonl` and `video.mp4`."""
    detector = ObjectDetector(model, settings or DetectSettings())
    files = output_files(Path(output), "detections", write_video=write_video)
    check_output(files, overwrite=overwrite)
    with opened(source) as frames:
        return _run(
            model,
            frames,
            files,
            lambda frame, prepared: detector.detect(prepared, frame.frame_index),
        )


def _public_boxes(
    detections: PublicDetections | None, frame: Frame, settings: TrackerSettings
) -> Float[np.ndarray, "P 4"] | None:
    return None if detections is None else detections.in_frame(frame.frame_index, settings)


def trace_of(
    path: Path | None,
    names: RunNames | None,
    model: FrameModel,
    settings: TrackerSettings | None,
    frame_rate: float | None,
) -> Trace | nullcontext[None]:
    """What writes the trace of a run, in a `with` statement; nothing where there are no names."""
    if path is None or names is None:
        return nullcontext()
    chosen = settings if settings is not None else settings_for(model)
    return Trace(
        path,
        TraceHeader(
            names=names,
            settings=chosen.model_dump(mode="json"),
            class_names=model.settings.class_names,
            embedding_size=model.embedding_size,
            frame_rate=frame_rate,
        ),
    )


def opened(source: Source) -> FrameSource | nullcontext[FrameSource]:
    """A source given open stays open: whoever opened it closes it."""
    return nullcontext(source) if isinstance(source, FrameSource) else open_source(source)


def _run(
    model: FrameModel,
    source: FrameSource,
    files: OutputFiles,
    find: Callable[[Frame, PreparedFrame], TrackedObjects | Detections],
    *,
    as_published: bool = False,
    zones: ZoneCounter | None = None,
) -> VideoRun:
    reading = Reading(source, model)
    num_objects = 0
    start = time.monotonic()
    with (
        closing(reading.frames()) as frames,
        # Before the files are opened: a video without any frame leaves earlier ones alone.
        nullcontext(next(frames)) as first,
        open_outputs(
            files, source, model.settings.class_names, as_published=as_published, zones=zones
        ) as writer,
        progress_bar() as progress,
    ):
        task = progress.add_task(files.rows.stem, total=source.num_frames)
        for frame, prepared in chain([first], frames):
            found = find(frame, prepared)
            writer.append(frame, found)
            num_objects += len(found)
            progress.advance(task)
    return VideoRun(
        files=files.written() + (() if zones is None else zones.written()),
        num_frames=reading.num_frames,
        num_objects=num_objects,
        seconds=time.monotonic() - start,
        broken_off=reading.broken_off,
        remarks=source.remarks,
    )
