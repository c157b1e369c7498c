"""One run at a time writes into a folder."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trackformer.errors import DataError

if sys.platform != "win32":
    import fcntl


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Keep a folder for this run; made if it does not exist.

    The folder itself is locked, so that nothing is left in it, and a killed run holds nothing.
    Where the file system has no locks, there is none.

    Raises:
        DataError: Another run writes into it, or it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Folders cannot be opened on Windows.
        handle = None if sys.platform == "win32" else os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise DataError(f"{folder}: cannot be written to: {error.strerror}") from error
    if sys.platform == "win32" or handle is None:
        yield
        return
    try:
        with contextlib.suppress(OSError):
            _lock(handle, folder)
        yield
    finally:
        # Said aloud: a forked child has the same handle, and would go on holding it.
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_UN)
        os.close(handle)


if sys.platform != "win32":

    def _lock(handle: int, folder: Path) -> None:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DataError(
                f"{folder}: another run is writing into this folder; choose another, or wait for it"
            ) from error
