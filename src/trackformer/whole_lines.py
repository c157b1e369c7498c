"""A file that grows and always ends with a whole line, whatever happens to the disk or the run."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType

from trackformer.errors import DataError


class WholeLines:
    """A file to append to; what is written survives a killed process."""

    def __init__(self, path: Path) -> None:
        """Begin the file anew; its folder is made if it does not exist."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        # Unbuffered: one system call a frame, so a killed process leaves whole frames only.
        self._file = path.open("wb", buffering=0)
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
