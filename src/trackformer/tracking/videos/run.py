"""A whole video in, result files out."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack, closing, nullcontext
from itertools import chain
from pathlib import Path

import numpy as np
from jaxtyping import Float

from trackformer.models.frame_model import FrameModel
from trackformer.objects import TrackedObjects
from trackformer.tracking.lifecycle.public_detections import PublicDetections
from trackformer.tracking.object_detector import ObjectDetector
from trackformer.tracking.prepared_frame import PreparedFrame
from trackformer.tracking.proposals.places import ProposalSource
from trackformer.tracking.settings import DetectSettings, TrackerSettings
from trackformer.tracking.tracing.records import RunNames, TraceHeader
from trackformer.tracking.tracing.writing import Trace
from trackformer.tracking.tracker import settings_for
from trackformer.tracking.videos.clock import clock_of
from trackformer.tracking.videos.output_files import OutputFiles, check_output, output_files
from trackformer.tracking.videos.outputs import open_outputs
from trackformer.tracking.videos.progress import progress_bar
from trackformer.tracking.videos.reading import prepared_frames
from trackformer.tracking.videos.run_state import StreamState
from trackformer.tracking.videos.saved_video import SavedVideo, before_video, tracker_behind
from trackformer.tracking.videos.saving import SAVE_EVERY, Saving
from trackformer.tracking.videos.video_run import VideoRun as VideoRun
from trackformer.tracking.videos.whole_frames import WholeFrames
from trackformer.tracking.videos.zones import ZoneCounter
from trackformer.video.frames import Frame, FrameSource
from trackformer.video.live import LiveReading
from trackformer.video.sources import NEWEST, open_source

Source = str | Path | int | FrameSource
"""Whatever `open_source` takes, or what it returned."""


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
    timed: bool = False,
    write_video: bool = True,
    overwrite: bool = False,
    resume: bool = False,
    save_every: int = SAVE_EVERY,
) -> VideoRun:
    """Track the objects of a video and write the results while it is read.

    Writes `tracks.txt` (MOTChallenge), `tracks.jsonl` (one frame a line, as soon as it is known)
    and `video.mp4`; models with masks also `tracks_mots.txt` (MOTS20). Whatever stops it - Ctrl-C
    included - these files hold the frames so far. Beside them `state.safetensors` is renewed as it
    goes: with it, `resume` continues a run that was cut, also by a kill, and the results are those
    of a run that was not. A progress bar is shown where the error output is a terminal.

    Args:
        model: In evaluation mode, on any device.
        source: A video, a folder or pattern of images, a camera, a stream (see `open_source`).
        output: A folder; made if it does not exist.
        settings: Thresholds; by default those stored with the model's weights.
        public_detections: Only objects that these show begin tracks; None: every object may.
        proposals: Another detector, about whose boxes the model is asked, too.
        trace: Write `trace.jsonl`, too (`docs/why.md`), with the names of what was tracked by what.
        zones: Counts who crosses lines and enters zones, and is drawn, too.
        timed: Objects are looked for where they are after the time that has really passed, not
            after so many frames: for cameras that drop frames. Always where patience is in seconds.
        write_video: Also draw the tracks into a video.
        overwrite: Replace results that are in the folder already.
        resume: Go on where an earlier run into this folder was cut; without any, begin. What is
            finished stays as it is.
        save_every: Frames between two states: what a kill costs.

    Raises:
        ConfigError: The run to go on with had another source, other settings or files.
        CheckpointError: Its state is damaged, or of another model.
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
    check_output(files, overwrite=overwrite, resume=resume)
    with ExitStack() as stack:
        frames = stack.enter_context(opened(source))
        before = before_video(frames, files, resume=resume)
        if before.is_finished:
            return _nothing_left(before, files)
        traced = stack.enter_context(
            trace_of(files.trace, trace, model, settings, frames.frame_rate)
        )
        tracker = tracker_behind(model, before, settings, traced, files.state)
        saved = SavedVideo(before, tracker, Saving(files.state, save_every))
        clock = clock_of(tracker, frames, timed=timed)
        return _run(
            model,
            frames,
            files,
            lambda frame, prepared: tracker.update(
                prepared,
                public_boxes(public_detections, frame, tracker.settings),
                None if proposals is None else proposals.in_frame(frame),
                time_s=clock(frame),
            ),
            saved,
            zones,
        )


def _nothing_left(before: StreamState, files: OutputFiles) -> VideoRun:
    return VideoRun(
        files=files.written(),
        num_frames=before.num_frames,
        num_objects=before.num_objects,
        seconds=0.0,
        broken_off=None,
        num_frames_before=before.num_frames,
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
        return _run_detector(detector, frames, files)


def public_boxes(
    detections: PublicDetections | None, frame: Frame, settings: TrackerSettings
) -> Float[np.ndarray, "P 4"] | None:
    """Those of a frame, if there are any at all."""
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


def opened(source: Source, live: LiveReading = NEWEST) -> FrameSource | nullcontext[FrameSource]:
    """A source given open stays open: whoever opened it closes it."""
    return nullcontext(source) if isinstance(source, FrameSource) else open_source(source, live)


def _run(
    model: FrameModel,
    source: FrameSource,
    files: OutputFiles,
    find: Callable[[Frame, PreparedFrame], TrackedObjects],
    saved: SavedVideo,
    zones: ZoneCounter | None,
) -> VideoRun:
    start = time.monotonic()
    reading = WholeFrames(source, saved.num_frames, saved.before.time_s)
    as_published = saved.tracker.settings.compatibility == "reference"
    with closing(prepared_frames(reading, model)) as frames, progress_bar() as progress:
        # Before the files are opened: a video without any frame leaves earlier ones alone.
        first = next(frames, None)
        if first is None:
            saved.end_without_frames(reading.broken_off)
        else:
            with (
                saved,
                open_outputs(
                    files,
                    source,
                    model.settings.class_names,
                    as_published=as_published,
                    kept=saved.kept(first[0]),
                    zones=zones,
                ) as writer,
            ):
                task = progress.add_task(
                    files.rows.stem, total=source.num_frames, completed=saved.num_frames
                )
                for frame, prepared in chain([first], frames):
                    saved.begin_frame(writer)
                    found = find(frame, prepared)
                    writer.append(frame, found)
                    saved.end_frame(frame, found)
                    progress.advance(task)
                saved.end(writer, reading.broken_off)
    return VideoRun(
        files=files.written() + (() if zones is None else zones.written()),
        num_frames=saved.num_frames,
        num_objects=saved.num_objects,
        seconds=time.monotonic() - start,
        broken_off=reading.broken_off,
        num_frames_before=saved.before.num_frames,
        remarks=source.remarks,
    )


def _run_detector(detector: ObjectDetector, source: FrameSource, files: OutputFiles) -> VideoRun:
    start = time.monotonic()
    reading = WholeFrames(source)
    num_objects = 0
    with (
        closing(prepared_frames(reading, detector.model)) as frames,
        nullcontext(next(frames)) as first,
        open_outputs(files, source, detector.model.settings.class_names) as writer,
        progress_bar() as progress,
    ):
        task = progress.add_task(files.rows.stem, total=source.num_frames)
        for frame, prepared in chain([first], frames):
            found = detector.detect(prepared, frame.frame_index)
            writer.append(frame, found)
            num_objects += len(found)
            progress.advance(task)
    return VideoRun(
        files=files.written(),
        num_frames=reading.num_frames,
        num_objects=num_objects,
        seconds=time.monotonic() - start,
        broken_off=reading.broken_off,
        remarks=source.remarks,
    )
