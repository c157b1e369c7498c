"""What one worker of a cluster does: a recording from wherever it is to wherever results go."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from trackformer.cluster.places import StoredResults, fetch, is_stored
from trackformer.errors import DataError, TrackFormerError
from trackformer.tracking.videos.many import LoadModel, Outcome, TrackingChoices, track_one

STORE_EVERY_S: Final = 30.0
"""How often results that grow are stored: what a lost worker costs at most, besides a state."""


@dataclass(frozen=True, slots=True)
class Job:
    """One recording."""

    name: str
    """As it is reported."""
    source: str
    """What a worker opens, wherever it runs: an absolute path, an address, or a name of a store."""
    results: str
    """A folder, or one of a store."""
    attempt: int = 0
    """So many workers were lost on it."""


def work(load: LoadModel, job: Job, choices: TrackingChoices) -> Outcome:
    """Track a recording; after a lost worker, from its last state on.

    Args:
        load: Makes the model, once in a process.
        job: What to track.
        choices: How.
    """
    again = choices if job.attempt == 0 else replace(choices, resume=True)
    try:
        with (
            tempfile.TemporaryDirectory(prefix="trackformer-") as scratch,
            _folder_of(job.results, Path(scratch, "results")) as folder,
        ):
            stored = is_stored(job.source)
            source = str(fetch(job.source, Path(scratch))) if stored else job.source
            outcome = track_one(load, source, folder, again)
    except TrackFormerError as error:
        return Outcome(job.name, None, str(error))
    return replace(outcome, source=job.name)


@contextmanager
def _folder_of(name: str, scratch: Path) -> Iterator[Path]:
    """The folder to write to; what is in it is stored as it grows, and when the statement ends."""
    if not is_stored(name):
        yield Path(name)
        return
    scratch.mkdir()
    results = StoredResults(name, scratch)
    results.fetch()
    is_over = threading.Event()

    def store() -> None:
        while not is_over.wait(STORE_EVERY_S):
            try:
                results.put()
            except (DataError, OSError):
                continue  # a file was just renamed, or the store is away: next time

    storing = threading.Thread(target=store, daemon=True)
    storing.start()
    try:
        yield scratch
    finally:
        is_over.set()
        storing.join()
    results.put()
