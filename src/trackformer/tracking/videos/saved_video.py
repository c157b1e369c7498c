"""One video that is tracked and can be continued: where it begins, and what is kept on the way."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from trackformer.errors import ConfigError, DataError
from trackformer.models.frame_model import FrameModel
from trackformer.objects import TrackedObjects
from trackformer.tracking.settings import TrackerSettings
from trackformer.tracking.tracing.writing import Trace
from trackformer.tracking.tracker import Tracker, settings_for
from trackformer.tracking.videos.output_files import OutputFiles
from trackformer.tracking.videos.outputs import KeptResults, ResultsWriter
from trackformer.tracking.videos.run_state import (
    RunState,
    StreamState,
    check_continues,
    mark_of,
    nothing_yet,
    read_run,
)
from trackformer.tracking.videos.saving import Saving
from trackformer.video.frames import Frame, FrameSource


class SavedVideo:
    """What is known of one video, in a `with` statement around that of its open results."""

    def __init__(self, before: StreamState, tracker: Tracker, saving: Saving) -> None:
        """Go on behind `before`, which may be nothing at all."""
        self.before = before
        self.tracker = tracker
        self.num_frames = before.num_frames
        self.num_objects = before.num_objects
        self._time_s = before.time_s
        self._saving = saving

    def kept(self, first: Frame) -> KeptResults:
        """What stays of the results; `first` is the first frame behind them."""
        return kept_of(self.before, first)

    def __enter__(self) -> SavedVideo:
        if self.before.num_frames == 0:
            # Before any file is touched: who finds results finds a state beside them.
            RunState((self.before,)).write(self._saving.path)
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Behind the end of the results: all of them are on disk."""
        with suppress(*([] if exception is None else [DataError])):
            self._saving.write_ready()

    def begin_frame(self, writer: ResultsWriter) -> None:
        """Before a frame is tracked."""
        if self.num_frames > self.before.num_frames and self._saving.is_due(self.num_frames):
            self._note(self._now(writer), writer)
        self._saving.write_ready()

    def end_frame(self, frame: Frame, found: TrackedObjects) -> None:
        """After its rows were written."""
        self._time_s = frame.time_s
        self.num_frames += 1
        self.num_objects += len(found)

    def end(self, writer: ResultsWriter, broken_off: str | None) -> None:
        """After the last one."""
        state = replace(self._now(writer), is_finished=broken_off is None, broken_off=broken_off)
        self._note(state, writer)

    def end_without_frames(self, broken_off: str | None) -> None:
        """There was nothing behind what was done before."""
        ended = replace(self.before, is_finished=broken_off is None, broken_off=broken_off)
        RunState((ended,)).write(self._saving.path)

    def _now(self, writer: ResultsWriter) -> StreamState:
        return replace(
            self.before,
            sizes=writer.mark(),
            num_frames=self.num_frames,
            num_objects=self.num_objects,
            tracker=self.tracker.state(),
            time_s=self._time_s,
        )

    def _note(self, state: StreamState, writer: ResultsWriter) -> None:
        self._saving.note(RunState((state,)), lambda: writer.is_on_disk(state.num_frames))


def before_video(source: FrameSource, files: OutputFiles, *, resume: bool) -> StreamState:
    """What an earlier run left, or nothing yet: where a run starts.

    Raises:
        ConfigError: Earlier results are of another source, or other files.
        CheckpointError: The state of the earlier run is damaged.
    """
    if not (resume and files.state.exists()):
        return nothing_yet(mark_of(source), files.paths())
    if source.is_live:
        raise ConfigError(
            f"--resume: {source.name} is live and cannot be read again; it continues recordings"
        )
    before = _only_stream(files.state)
    check_continues(before, mark_of(source), files.paths(), files.state)
    files.remove_unfinished()
    return before


def _only_stream(path: Path) -> StreamState:
    """The state of a run of one video.

    Raises:
        CheckpointError: It is damaged.
        ConfigError: It is one of several videos side by side.
    """
    streams = read_run(path).streams
    if len(streams) != 1:
        raise ConfigError(f"{path}: expected to go on with the same {len(streams)} videos, got one")
    return streams[0]


def kept_of(before: StreamState, first: Frame) -> KeptResults:
    """What stays of the results; `first` is the first frame behind them."""
    height, width = first.pixels.shape[:2]
    return KeptResults(before.sizes, before.num_frames, (height, width))


def tracker_behind(
    model: FrameModel,
    before: StreamState | None,
    settings: TrackerSettings | None,
    trace: Trace | None,
    path: Path,
) -> Tracker:
    """The tracker of an earlier run, or a new one where there was none.

    Raises:
        CheckpointError: Of another model, or damaged.
        ConfigError: It had other settings than are wanted now, or a trace, which cannot go on.
    """
    if before is None or not before.tracker:
        return Tracker(model, settings, trace=trace)
    if trace is not None and not before.is_finished:
        raise ConfigError(
            f"{path}: a run that was cut cannot go on with a trace; begin it anew (--overwrite)"
        )
    tracker = Tracker.restore(model, before.tracker)
    wanted = (settings or settings_for(model)).model_dump()
    for name, value in tracker.settings.model_dump().items():
        if value != wanted[name]:
            raise ConfigError(f"{path}: expected to go on with {name} {value}, got {wanted[name]}")
    return tracker
