"""One of several videos that are tracked side by side: what is open of it, and what was done."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from pathlib import Path

from jaxtyping import Float
from torch import Tensor

from trackformer.errors import DataError, TrackFormerError
from trackformer.models.frame_model import FrameModel
from trackformer.objects import TrackedObjects
from trackformer.tracking.prepared_frame import PreparedFrame
from trackformer.tracking.proposals.places import ProposalSource, places_in
from trackformer.tracking.tracker import Tracker
from trackformer.tracking.videos.clock import clock_of
from trackformer.tracking.videos.output_files import OutputFiles
from trackformer.tracking.videos.outputs import ResultsWriter, open_outputs
from trackformer.tracking.videos.reading import prepared_frames
from trackformer.tracking.videos.run import Source, VideoRun, opened
from trackformer.tracking.videos.run_state import (
    SourceMark,
    StreamState,
    check_continues,
    mark_of,
    nothing_yet,
)
from trackformer.tracking.videos.saved_video import kept_of
from trackformer.tracking.videos.whole_frames import WholeFrames
from trackformer.video.frames import Frame, FrameSource
from trackformer.video.live import LiveReading


class Stream:
    """One of the videos: what is open of it, and what was done so far."""

    def __init__(
        self,
        source: Source,
        files: OutputFiles,
        proposals: ProposalSource | None,
        before: StreamState | None,
        tracker: Tracker,
    ) -> None:
        self.tracker = tracker
        self._before = before or nothing_yet(SourceMark(str(source), 0.0, None), files.paths())
        self._sizes = self._before.sizes
        self.places: Float[Tensor, "P 4"] | None = None
        """The proposals for the current frame."""
        self.timed = False
        """Whether frames have times, and not numbers only."""
        self._proposals = proposals
        self.resources = ExitStack()
        self._source = source
        self._files = files
        self._frames: Iterator[tuple[Frame, PreparedFrame]] = iter(())
        self._writer: ResultsWriter | None = None
        self._current: tuple[Frame, PreparedFrame] | None = None
        self._reading: WholeFrames | None = None
        self._failure: str | None = None
        self._opened: FrameSource | None = None
        self._class_names: tuple[str, ...] = ()
        self.is_open = False
        """Whether more frames may come."""
        self._start = time.monotonic()
        self._num_frames = self._before.num_frames
        self._num_objects = self._before.num_objects
        self._time_s = self._before.time_s
        self.declared_frames: int | None = 0

    @property
    def prepared(self) -> PreparedFrame:
        """The current frame as the network's input."""
        assert self._current is not None
        return self._current[1]

    @property
    def time_s(self) -> float | None:
        """When the current frame was taken; None: frames are counted."""
        assert self._current is not None
        assert self._reading is not None
        source = self._reading.source
        return clock_of(self.tracker, source, timed=self.timed)(self._current[0])

    def open(self, model: FrameModel, state_path: Path, live: LiveReading) -> None:
        """Begin to read; what fails is remembered."""
        if self._before.is_finished:
            return
        try:
            source = self.resources.enter_context(opened(self._source, live))
            mark = mark_of(source)
            if self._before.num_frames:
                check_continues(self._before, mark, self._files.paths(), state_path)
            self._before = replace(self._before, source=mark)
            before = self._before
            self._reading = WholeFrames(source, before.num_frames, before.time_s)
            self.declared_frames, self._opened = source.num_frames, source
            frames = prepared_frames(self._reading, model)
            self._frames = self.resources.enter_context(closing(frames))
            self._class_names, self.is_open = model.settings.class_names, True
        except DataError as error:
            self._fail(error)

    def _begin(self, source: FrameSource) -> None:
        """With the first frame: a video without any leaves the files of an earlier run alone."""
        try:
            self._current = next(self._frames, None)
            if self._current is None:
                self._close()
                return
            self._writer = self.resources.enter_context(
                open_outputs(
                    self._files,
                    source,
                    self._class_names,
                    as_published=self.tracker.settings.compatibility == "reference",
                    kept=kept_of(self._before, self._current[0]),
                )
            )
        except DataError as error:
            self._fail(error)

    def must_be_waited_for(self) -> bool:
        """Whether `next_frame` would wait for a camera."""
        assert self._opened is not None
        return self._current is None and not self._opened.has_next()

    def next_frame(self) -> bool:
        """Whether there is a frame, which is then the current one; of a stream that is open."""
        assert self._opened is not None
        if self._writer is None:
            self._begin(self._opened)
        elif self._current is None:
            try:
                self._current = next(self._frames, None)
            except DataError as error:
                self._fail(error)
            if self._current is None:
                self._close()
        return self._current is not None and self._propose(*self._current)

    def _propose(self, frame: Frame, prepared: PreparedFrame) -> bool:
        """Ask the other detector; whether the stream goes on."""
        if self._proposals is None:
            return True
        try:
            self.places = places_in(self._proposals.in_frame(frame), prepared.image_size)
        except TrackFormerError as error:
            self._fail(error)
            return False
        return True

    def write(self, found: TrackedObjects) -> None:
        """Write what was found in the current frame, and let go of it."""
        assert self._current is not None
        assert self._writer is not None
        frame, self._current = self._current[0], None
        try:
            self._writer.append(frame, found)
        except DataError as error:
            self._fail(error)
            return
        self._time_s = frame.time_s
        self._num_frames += 1
        self._num_objects += len(found)

    def state(self) -> StreamState:
        """From which it can go on later."""
        sizes = self._sizes if self._writer is None else self._writer.mark()
        is_read = self._reading is not None and self._reading.is_over
        is_finished = self._before.is_finished or (is_read and self._why() is None)
        return replace(
            self._before,
            sizes=sizes,
            num_frames=self._num_frames,
            num_objects=self._num_objects,
            is_finished=is_finished and self._writer is None,
            broken_off=self._why(),
            tracker=self.tracker.state(),
            time_s=self._time_s,
        )

    def on_disk(self) -> Callable[[], bool]:
        """Whether what there is now is where no kill can take it; may be asked later."""
        writer, num_frames = self._writer, self._num_frames
        return lambda: writer is None or writer.is_on_disk(num_frames)

    def run(self) -> VideoRun:
        """What became of it."""
        return VideoRun(
            files=self._files.written() if self._num_frames else (),
            num_frames=self._num_frames,
            num_objects=self._num_objects,
            seconds=time.monotonic() - self._start,
            broken_off=self._why(),
            num_frames_before=self._before.num_frames,
            remarks=() if self._opened is None else self._opened.remarks,
        )

    def _why(self) -> str | None:
        """Why nothing more comes, although that was no regular end."""
        return self._failure or (None if self._reading is None else self._reading.broken_off)

    def _fail(self, error: TrackFormerError) -> None:
        self._failure = str(error)
        self._close()
        if self._num_frames == 0:
            # A mistyped name must not leave an empty folder behind; others are not removed.
            with suppress(OSError):
                self._files.rows.parent.rmdir()

    def _close(self) -> None:
        """End the files; a failure to do so is this stream's, not the others'."""
        if self._writer is not None:
            self._sizes = self._writer.mark()
        self._current, self._writer, self.is_open = None, None, False
        try:
            self.resources.close()
        except DataError as error:
            self._failure = self._failure or str(error)
