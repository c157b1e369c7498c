"""Many recordings, each alone: one after another, or several processes at a time."""

from __future__ import annotations

import csv
import io
import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

import torch

from trackformer.atomic_files import whole_file
from trackformer.config import settings_from
from trackformer.errors import TrackFormerError
from trackformer.models.frame_model import FrameModel
from trackformer.tracking.settings import TrackerSettings
from trackformer.tracking.videos.run import VideoRun, track_video
from trackformer.tracking.videos.saving import SAVE_EVERY
from trackformer.video.live import LiveReading
from trackformer.video.sources import open_source

LoadModel = Callable[[], FrameModel]
"""Makes the model in the process that will use it; another process gets it pickled."""
COLUMNS: Final = ("source", "frames", "objects", "seconds", "state", "why")


@dataclass(frozen=True, slots=True)
class TrackingChoices:
    """How each of many videos is tracked; see `track_video`."""

    changes: Mapping[str, Any] = field(default_factory=dict)
    """Tracker settings that differ from the model's own."""
    live: LiveReading = field(default_factory=LiveReading)
    timed: bool = False
    write_video: bool = True
    overwrite: bool = False
    resume: bool = False
    save_every: int = SAVE_EVERY


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one of many videos."""

    source: str
    run: VideoRun | None
    """None: nothing could be tracked."""
    why: str | None
    """What went wrong, in one line."""

    @property
    def state(self) -> Literal["finished", "broken off", "failed"]:
        """In a word."""
        if self.run is None:
            return "failed"
        return "finished" if self.why is None else "broken off"


def track_many(
    load: LoadModel,
    sources: Sequence[str],
    folders: Sequence[Path],
    choices: TrackingChoices,
    num_processes: int = 1,
) -> Iterator[Outcome]:
    """Track recordings, each with its own ids and files; what fails does not stop the others.

    Args:
        load: Makes the model, once in each process; has to be picklable for several.
        sources: What `open_source` takes.
        folders: Where the results of each go.
        choices: How they are tracked.
        num_processes: So many at a time; with 1 this process does it.

    Yields:
        What became of each, in the order in which they end.

    Raises:
        TrackFormerError: The model cannot be loaded, or does not go with the settings.
    """
    if num_processes == 1:
        for source, folder in zip(sources, folders, strict=True):
            yield track_one(load, source, folder, choices)
        return
    threads = max(1, (os.cpu_count() or 1) // num_processes)
    # A forked process would share locks and threads of libraries that know nothing of it.
    with ProcessPoolExecutor(
        num_processes,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=torch.set_num_threads,
        initargs=(threads,),
    ) as pool:
        waiting = {
            pool.submit(track_one, load, source, folder, choices): source
            for source, folder in zip(sources, folders, strict=True)
        }
        try:
            for future in as_completed(waiting):
                yield _outcome(future, waiting[future])
        except TrackFormerError:
            # The same is wrong with all: it is said once.
            pool.shutdown(cancel_futures=True)
            raise


def _outcome(future: Future[Outcome], source: str) -> Outcome:
    try:
        return future.result()
    except BrokenProcessPool:
        return Outcome(source, None, "the process that tracked it or another one was killed")


def track_one(load: LoadModel, source: str, folder: Path, choices: TrackingChoices) -> Outcome:
    """One of many videos; the process keeps its model for the next.

    Raises:
        TrackFormerError: As of `ready_to_track`: nothing of this video.
    """
    model, settings = ready_to_track(load, choices)
    try:
        # The source first: a mistyped name must not leave an empty folder behind.
        with open_source(source, choices.live) as opened:
            run = track_video(
                model,
                opened,
                folder,
                settings,
                timed=choices.timed,
                write_video=choices.write_video,
                overwrite=choices.overwrite,
                resume=choices.resume,
                save_every=choices.save_every,
            )
    except TrackFormerError as error:
        return Outcome(source, None, str(error))
    return Outcome(source, run, run.broken_off)


def ready_to_track(load: LoadModel, choices: TrackingChoices) -> tuple[FrameModel, TrackerSettings]:
    """What all videos have in common, in this process.

    Raises:
        TrackFormerError: The model cannot be loaded, or does not go with the settings.
    """
    model = _loaded(load)
    changed = model.settings.tracker | dict(choices.changes)
    return model, settings_from(TrackerSettings, changed, "tracker settings")


@cache
def _loaded(load: LoadModel) -> FrameModel:
    return load()


def write_summary(path: Path, outcomes: Sequence[Outcome]) -> None:
    """All videos as a table: `runs.csv`.

    Raises:
        DataError: It cannot be written.
    """
    with whole_file(path) as partial:
        partial.write_text(summary_of(outcomes), encoding="utf-8")


def summary_of(outcomes: Sequence[Outcome]) -> str:
    """What stands in it."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for each in outcomes:
        run = each.run
        counts = (
            (0, 0, "0.0")
            if run is None
            else (
                run.num_frames,
                run.num_objects,
                f"{run.seconds:.1f}",
            )
        )
        writer.writerow((each.source, *counts, each.state, each.why or ""))
    return text.getvalue()
