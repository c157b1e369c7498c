"""Where recordings come from and results go: plain paths, or any store that fsspec knows."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import fsspec

from trackformer.errors import DataError
from trackformer.tracking.videos.output_files import STATE_NAME
from trackformer.video.addresses import is_url
from trackformer.video.source_lists import VIDEO_SUFFIXES

SEPARATOR: Final = "://"


def is_stored(name: str) -> bool:
    """Whether a name is one of a store, and neither a path nor a stream's address.

    >>> is_stored("s3://videos/a.mp4"), is_stored("rtsp://camera/1"), is_stored("a.mp4")
    (True, False, False)
    """
    return SEPARATOR in name and not is_url(name)


def stored_videos(name: str) -> tuple[str, ...] | None:
    """The recordings that a folder or pattern of a store means; None: it is a recording itself.

    Raises:
        DataError: The store is unknown, or does not answer.
    """
    store, path = _store_of(name)
    try:
        if not (store.isdir(path) or "*" in path):
            return None
        found = store.ls(path, detail=False) if store.isdir(path) else store.glob(path)
    except Exception as error:
        # Every store has errors of its own.
        raise DataError(f"{name}: cannot be listed: {error}") from error
    videos = sorted(each for each in found if posixpath.splitext(each)[1].lower() in VIDEO_SUFFIXES)
    return tuple(store.unstrip_protocol(each) for each in videos)


def check_store(name: str) -> None:
    """Refuse a store that is not known here, before anything starts.

    Raises:
        DataError: It is unknown, or its package is not installed.
    """
    _store_of(name)


def fetch(name: str, folder: Path) -> Path:
    """A stored recording as a file in a folder, under its own name.

    Raises:
        DataError: It is not there, or cannot be read.
    """
    store, path = _store_of(name)
    local = folder / posixpath.basename(path)
    try:
        store.get_file(path, str(local))
    except Exception as error:
        raise DataError(f"{name}: cannot be read: {error}") from error
    return local


@dataclass(frozen=True, slots=True)
class StoredResults:
    """Results of one recording in a store, and the folder where they are made."""

    name: str
    """Of a folder in the store."""
    folder: Path

    def fetch(self) -> None:
        """Get what another worker has left.

        Raises:
            DataError: The store does not answer.
        """
        store, path = _store_of(self.name)
        try:
            store.invalidate_cache()
            if store.exists(path):
                for each in store.ls(path, detail=False):
                    store.get_file(each, str(self.folder / posixpath.basename(each)))
        except Exception as error:
            raise DataError(f"{self.name}: cannot be read: {error}") from error

    def put(self) -> None:
        """Store what there is by now, the state last.

        A state counts on no more than what was there when it was written, and results only grow:
        those that are stored with it, or after it, are long enough.

        Raises:
            DataError: The store does not take it.
        """
        store, path = _store_of(self.name)
        state = self.folder / STATE_NAME
        # Now, not later: it must not be newer than the results beside it.
        saved = state.read_bytes() if state.exists() else None
        try:
            store.makedirs(path, exist_ok=True)
            for each in self._results():
                store.put_file(str(each), f"{path}/{each.name}")
            if saved is not None:
                store.pipe_file(f"{path}/{STATE_NAME}", saved)
        except Exception as error:
            raise DataError(f"{self.name}: cannot be written: {error}") from error

    def _results(self) -> Iterator[Path]:
        for each in sorted(self.folder.iterdir()):
            if each.is_file() and each.name != STATE_NAME and not each.name.startswith("."):
                yield each


def write_text(name: str, text: str) -> None:
    """A stored file.

    Raises:
        DataError: The store does not take it.
    """
    store, path = _store_of(name)
    try:
        store.makedirs(posixpath.dirname(path), exist_ok=True)
        store.pipe_file(path, text.encode())
    except Exception as error:
        raise DataError(f"{name}: cannot be written: {error}") from error


def _store_of(name: str) -> tuple[Any, str]:
    try:
        store, path = fsspec.core.url_to_fs(name)
    except (ImportError, ValueError) as error:
        raise DataError(f"{name}: {error}") from error
    return store, path
