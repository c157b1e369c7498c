"""Several videos at once: one pass of the model for the frames of all of them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from pathlib import Path

from jaxtyping import Float
from torch import Tensor

from trackformer.errors import DataError, TrackFormerError
from trackformer.models.frame_model import FrameModel
from trackformer.objects import TrackedObjects
from trackformer.tracking.proposals.places import ProposalSource, places_in
from trackformer.tracking.settings import TrackerSettings
from trackformer.tracking.steps import update_together
from trackformer.tracking.tracing.records import RunNames
from trackformer.tracking.tracker import PreparedFrame, Tracker
from trackformer.tracking.videos.output_files import OutputFiles, check_output, output_files
from trackformer.tracking.videos.outputs import ResultsWriter, open_outputs
from trackformer.tracking.videos.progress import progress_bar
from trackformer.tracking.videos.reading import Reading
from trackformer.tracking.videos.run import Source, VideoRun, opened, trace_of
from trackformer.video.frames import Frame


def track_streams(  # noqa: PLR0913 - each is a choice of its own, and most have a default
    model: FrameModel,
    sources: Sequence[Source],
    output: Path | str,
    settings: TrackerSettings | None = None,
    *,
    proposals: Sequence[ProposalSource | None] | None = None,
    traces: Sequence[RunNames] | None = None,
    write_video: bool = True,
    overwrite: bool = False,
) -> tuple[VideoRun, ...]:
    """Track several videos, cameras or streams side by side.

    Each has its own tracks, ids and files, as if `track_video` had been called for each; the model
    is called once a step for all streams whose frames have the same size as its input (frames of
    another size have a call of their own, because padding would change what is found). Streams
    may be of different length, and one that fails does not stop the others.

    Args:
        model: In evaluation mode, on any device.
        sources: What `track_video` takes, each.
        output: A folder; each stream's files are in a folder of it (`stream_folders`).
        settings: Thresholds; by default those stored with the model's weights.
        proposals: For each source another detector, about whose boxes the model is asked, too.
        traces: For each source the names for its `trace.jsonl`; None: nothing is traced.
        write_video: Also draw the tracks into videos.
        overwrite: Replace results that are there already.

    Returns:
        What became of each source, in their order. `broken_off` tells why one ended early, or
        could not be opened or written at all; its other fields count what was done before.

    Raises:
        DataError: There is no source, or results are there already or cannot be written.
    """
    if not sources:
        raise DataError("sources: expected at least one video, got none")
    folders = stream_folders(sources, Path(output))
    files = [
        output_files(folder, "tracks", write_video=write_video, write_trace=traces is not None)
        for folder in folders
    ]
    for each in files:
        check_output(each, overwrite=overwrite)
    nothing = [None] * len(sources)
    with ExitStack() as stack, progress_bar() as progress:
        streams = []
        for source, each, proposer, names in zip(
            sources, files, proposals or nothing, traces or nothing, strict=True
        ):
            trace = stack.enter_context(trace_of(each.trace, names, model, settings, None))
            tracker = Tracker(model, settings, trace=trace)
            streams.append(_Stream(source, each, tracker, proposer))
        for stream in streams:
            stack.enter_context(stream.resources)
            stream.open(model)
        task = progress.add_task("frames of all streams", total=_total(streams))
        while waiting := [stream for stream in streams if stream.next_frame()]:
            found = update_together(
                model,
                [stream.tracker for stream in waiting],
                [stream.prepared for stream in waiting],
                places=[stream.places for stream in waiting],
            )
            for stream, objects in zip(waiting, found, strict=True):
                stream.write(objects)
            progress.advance(task, len(waiting))
    return tuple(stream.run() for stream in streams)


def stream_folders(sources: Sequence[Source], output: Path) -> list[Path]:
    """A folder for each source, named after it; equal names are numbered.

    >>> [each.name for each in stream_folders(["a/x.mp4", "b/x.mp4", 0], Path("out"))]
    ['x', 'x-2', 'camera-0']
    """
    names: list[str] = []
    for source in sources:
        name = _name(source)
        number = 1
        while name in names:
            number += 1
            name = f"{_name(source)}-{number}"
        names.append(name)
    return [output / name for name in names]


def _name(source: Source) -> str:
    if isinstance(source, int) or str(source).isdecimal():
        return f"camera-{source}"
    text = str(getattr(source, "name", source)) if not isinstance(source, Path) else str(source)
    stem = Path(text.rstrip("/")).stem
    plain = "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in stem)
    return plain.strip("-.") or "stream"


class _Stream:
    """One of the videos: what is open of it, and what was done so far."""

    def __init__(
        self,
        source: Source,
        files: OutputFiles,
        tracker: Tracker,
        proposals: ProposalSource | None,
    ) -> None:
        self.tracker = tracker
        self.places: Float[Tensor, "P 4"] | None = None
        """The proposals for the current frame."""
        self._proposals = proposals
        self.resources = ExitStack()
        self._source = source
        self._files = files
        self._frames: Iterator[tuple[Frame, PreparedFrame]] = iter(())
        self._writer: ResultsWriter | None = None
        self._current: tuple[Frame, PreparedFrame] | None = None
        self._reading: Reading | None = None
        self._failure: str | None = None
        self._remarks: tuple[str, ...] = ()
        self._start = time.monotonic()
        self._num_frames = self._num_objects = 0
        self.declared_frames: int | None = 0

    @property
    def prepared(self) -> PreparedFrame:
        """The current frame as the network's input."""
        assert self._current is not None
        return self._current[1]

    def open(self, model: FrameModel) -> None:
        """Begin to read; what fails is remembered."""
        try:
            source = self.resources.enter_context(opened(self._source))
            self._reading = Reading(source, model)
            self.declared_frames, self._remarks = source.num_frames, source.remarks
            # Files come with the first frame: a video without any leaves earlier ones alone.
            self._frames = self.resources.enter_context(closing(self._reading.frames()))
            self._current = next(self._frames)
            self._writer = self.resources.enter_context(
                open_outputs(
                    self._files,
                    source,
                    model.settings.class_names,
                    as_published=self.tracker.settings.compatibility == "reference",
                )
            )
        except DataError as error:
            self._fail(error)

    def next_frame(self) -> bool:
        """Whether there is a frame, which is then the current one."""
        if self._writer is None:
            return False
        if self._current is None:
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
        self._num_frames += 1
        self._num_objects += len(found)

    def run(self) -> VideoRun:
        """What became of it."""
        cut = None if self._reading is None else self._reading.broken_off
        return VideoRun(
            files=self._files.written() if self._num_frames else (),
            num_frames=self._num_frames,
            num_objects=self._num_objects,
            seconds=time.monotonic() - self._start,
            broken_off=self._failure or cut,
            remarks=self._remarks,
        )

    def _fail(self, error: TrackFormerError) -> None:
        self._failure = str(error)
        self._close()
        if self._num_frames == 0:
            # A mistyped name must not leave an empty folder behind; others are not removed.
            with suppress(OSError):
                self._files.rows.parent.rmdir()

    def _close(self) -> None:
        """End the files; a failure to do so is this stream's, not the others'."""
        self._current, self._writer = None, None
        try:
            self.resources.close()
        except DataError as error:
            self._failure = self._failure or str(error)


def _total(streams: Sequence[_Stream]) -> int | None:
    counts = [stream.declared_frames for stream in streams]
    return None if None in counts else sum(count or 0 for count in counts)
