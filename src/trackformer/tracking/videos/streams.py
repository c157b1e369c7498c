"""Several videos at once: one pass of the model for the frames of all of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Final

from rich.progress import Progress

from trackformer.errors import ConfigError, DataError
from trackformer.models.frame_model import FrameModel
from trackformer.tracking.proposals.places import ProposalSource
from trackformer.tracking.settings import TrackerSettings
from trackformer.tracking.steps import update_together
from trackformer.tracking.tracing.records import RunNames
from trackformer.tracking.videos.output_files import (
    STATE_NAME,
    OutputFiles,
    check_output,
    output_files,
)
from trackformer.tracking.videos.progress import progress_bar
from trackformer.tracking.videos.run import Source, VideoRun, trace_of
from trackformer.tracking.videos.run_state import (
    RunState,
    StreamState,
    read_run,
)
from trackformer.tracking.videos.saved_video import tracker_behind
from trackformer.tracking.videos.saving import SAVE_EVERY, Saving
from trackformer.tracking.videos.stream import Stream
from trackformer.video.live import LiveReading
from trackformer.video.sources import NEWEST

LOOKING_S: Final = 0.005
"""Between two looks at cameras none of which has a new picture."""


def track_streams(  # noqa: PLR0913 - each is a choice of its own, and most have a default
    model: FrameModel,
    sources: Sequence[Source],
    output: Path | str,
    settings: TrackerSettings | None = None,
    *,
    proposals: Sequence[ProposalSource | None] | None = None,
    traces: Sequence[RunNames] | None = None,
    timed: bool = False,
    live: LiveReading = NEWEST,
    write_video: bool = True,
    overwrite: bool = False,
    resume: bool = False,
    save_every: int = SAVE_EVERY,
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
        timed: As for `track_video`.
        live: How cameras and streams are read (`open_source`).
        write_video: Also draw the tracks into videos.
        overwrite: Replace results that are there already.
        resume: Go on where an earlier run of the same sources was cut; without any, begin.
        save_every: Frames of each stream between two states, which `output` has of all together.

    Returns:
        What became of each source, in their order. `broken_off` tells why one ended early, or
        could not be opened or written at all; its other fields count what was done before.

    Raises:
        DataError: There is no source, or results are there already or cannot be written.
        ConfigError: The run to go on with had other sources, other settings or files.
        CheckpointError: Its state is damaged, or of another model.
    """
    if not sources:
        raise DataError("sources: expected at least one video, got none")
    folders = stream_folders(sources, Path(output))
    files = [
        output_files(folder, "tracks", write_video=write_video, write_trace=traces is not None)
        for folder in folders
    ]
    saving = Saving(Path(output) / STATE_NAME, save_every)
    befores = _before(saving.path, files, resume=resume, overwrite=overwrite)
    nothing = [None] * len(sources)
    try:
        with ExitStack() as stack, progress_bar() as progress:
            streams = []
            for source, each, proposer, names, before in zip(
                sources, files, proposals or nothing, traces or nothing, befores, strict=True
            ):
                trace = stack.enter_context(trace_of(each.trace, names, model, settings, None))
                tracker = tracker_behind(model, before, settings, trace, saving.path)
                streams.append(Stream(source, each, proposer, before, tracker))
                streams[-1].timed = timed
            if befores == nothing:
                # Before any file is touched: who finds results finds a state beside them.
                _state_of(streams).write(saving.path)
            for stream in streams:
                stack.enter_context(stream.resources)
                stream.open(model, saving.path, live)
            _track(model, streams, saving, progress)
    finally:
        # Behind the end of the results: all of them are on disk.
        saving.write_ready()
    return tuple(stream.run() for stream in streams)


def _before(
    path: Path, files: Sequence[OutputFiles], *, resume: bool, overwrite: bool
) -> list[StreamState | None]:
    """What an earlier run left of each stream."""
    if resume and path.exists():
        before = read_run(path).streams
        for each in files:
            each.remove_unfinished()
        if len(before) != len(files):
            raise ConfigError(
                f"{path}: expected to go on with the same {len(before)} videos, got {len(files)}"
            )
        return list(before)
    for each in files:
        check_output(each, overwrite=overwrite)
    return [None] * len(files)


def _track(
    model: FrameModel, streams: Sequence[Stream], saving: Saving, progress: Progress
) -> None:
    task = progress.add_task("frames of all streams", total=_total(streams))
    for num_steps in count():
        if num_steps and saving.is_due(num_steps):
            saving.note(_state_of(streams), _all_on_disk(streams))
        saving.write_ready()
        waiting = [stream for stream in _at_hand(streams) if stream.next_frame()]
        if not any(stream.is_open for stream in streams):
            break
        if not waiting:
            continue
        found = update_together(
            model,
            [stream.tracker for stream in waiting],
            [stream.prepared for stream in waiting],
            places=[stream.places for stream in waiting],
            times_s=[stream.time_s for stream in waiting],
        )
        for stream, objects in zip(waiting, found, strict=True):
            stream.write(objects)
        progress.advance(task, len(waiting))
    saving.note(_state_of(streams), lambda: True)


def _at_hand(streams: Sequence[Stream]) -> Sequence[Stream]:
    """Those with a frame, or at their end: a slow camera does not hold back the others."""
    while True:
        left = [stream for stream in streams if stream.is_open]
        at_hand = [stream for stream in left if not stream.must_be_waited_for()]
        if at_hand or not left:
            return at_hand
        time.sleep(LOOKING_S)


def _state_of(streams: Sequence[Stream]) -> RunState:
    return RunState(tuple(stream.state() for stream in streams))


def _all_on_disk(streams: Sequence[Stream]) -> Callable[[], bool]:
    """Whether the results that there are now are where no kill can take them."""
    asked = [stream.on_disk() for stream in streams]
    return lambda: all(is_on_disk() for is_on_disk in asked)


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


def _total(streams: Sequence[Stream]) -> int | None:
    counts = [stream.declared_frames for stream in streams]
    return None if None in counts else sum(count or 0 for count in counts)
