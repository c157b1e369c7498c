"""Files that grow by whole lines, and can be cut back to an earlier size and go on from there."""

from __future__ import annotations

import os
from io import FileIO
from pathlib import Path
from types import TracebackType

from trackformer.errors import DataError


def open_growing(path: Path, num_kept: int = 0) -> WholeLines:
    """A file to append to, unbuffered: one system call a line, so a kill leaves whole lines only.

    Args:
        path: Its folder is made if there is none.
        num_kept: How many bytes of what is there stay; 0: it begins anew.

    Raises:
        DataError: The file is shorter than what shall stay.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if num_kept == 0:
        return WholeLines(path, path.open("wb", buffering=0))
    size = path.stat().st_size if path.exists() else 0
    if size < num_kept:
        raise DataError(
            f"{path}: expected at least {num_kept} bytes of earlier results, got {size}"
        )
    file = path.open("r+b", buffering=0)
    file.truncate(num_kept)
    file.seek(num_kept)
    return WholeLines(path, file)


class WholeLines:
    """A file that always ends with a whole line, whatever happens to the disk or the run.

    Args:
        path: Where it is; looked at before each line.
        file: It, opened for writing, unbuffered.
    """

    def __init__(self, path: Path, file: FileIO) -> None:
        self._path = path
        self._file = file
        self._identity = _identity(os.fstat(self._file.fileno()))

    def write(self, lines: bytes) -> None:
        """Append some lines, or none of them.

        Raises:
            OSError: The disk is full.
            DataError: The file was removed or replaced meanwhile: nobody would find the lines.
        """
        self._check_is_there()
        start = self._file.tell()
        try:
            done = 0
            while done < len(lines):
                # Where the disk is nearly full, less is written than was asked, without a word;
                # the next call then says why.
                done += self._file.write(lines[done:])
        except OSError:
            self._file.seek(start)
            self._file.truncate()
            raise

    def tell(self) -> int:
        """Its size so far, in bytes."""
        return self._file.tell()

    def close(self) -> None:
        """Close the file; nothing can be appended afterwards."""
        self._file.close()

    def __enter__(self) -> WholeLines:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _check_is_there(self) -> None:
        try:
            there = _identity(self._path.stat())
        except OSError:
            there = None
        if there != self._identity:
            raise DataError(f"{self._path}: was removed or replaced while it was being written")


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino
