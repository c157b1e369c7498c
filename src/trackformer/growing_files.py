"""Files that grow by whole lines, and can be cut back to an earlier size and go on from there."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from trackformer.errors import DataError


def open_growing(path: Path, num_kept: int = 0) -> BinaryIO:
    """A file to append to, unbuffered: one system call a line, so a kill leaves whole lines only.

    Args:
        path: Its folder is made if there is none.
        num_kept: How many bytes of what is there stay; 0: it begins anew.

    Raises:
        DataError: The file is shorter than what shall stay.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if num_kept == 0:
        return path.open("wb", buffering=0)
    size = path.stat().st_size if path.exists() else 0
    if size < num_kept:
        raise DataError(
            f"{path}: expected at least {num_kept} bytes of earlier results, got {size}"
        )
    file = path.open("r+b", buffering=0)
    file.truncate(num_kept)
    file.seek(num_kept)
    return file
