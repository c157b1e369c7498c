"""Files and folders that appear complete or not at all: a crash or a full disk leaves the old."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from trackformer.errors import ConfigError, DataError

PROBE_BYTES: Final = 2**16
"""Enough to notice a full disk."""


def refuse_existing(path: Path, *, overwrite: bool) -> None:
    """Fail before long work rather than after.

    Raises:
        ConfigError: `path` exists and is not to be replaced.
    """
    if path.exists() and not overwrite:
        raise ConfigError(f"{path}: exists already; it is replaced only with --overwrite")


def refuse_unwritable(path: Path, num_bytes: int = PROBE_BYTES) -> None:
    """Fail before long work rather than after: nothing stays, but `path`'s folder is made.

    Raises:
        DataError: No file of `num_bytes` can be written at `path`.
    """
    if path.is_dir():
        raise DataError(f"{path}: expected a file to write to, got a folder")
    probe = partial_path(path)
    try:
        probe.parent.mkdir(parents=True, exist_ok=True)
        try:
            # Zeros would do for no disk that compresses, but for all that say when they are full.
            probe.write_bytes(bytes(num_bytes))
        finally:
            probe.unlink(missing_ok=True)
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {error.strerror}") from error


def partial_path(path: Path) -> Path:
    """Where a file or folder grows before it takes the name of `path`."""
    return path.with_name(f".{path.name}.{os.getpid()}.partial")


def clear_leftovers(path: Path) -> None:
    """Remove what killed runs left beside `path` in place of it."""
    pattern = re.compile(
        rf"\.(?:{re.escape(path.name)}|{re.escape(path.stem)})\.(\d+)\.partial(?:\.\w+)?"
    )
    try:
        beside = [(each, pattern.fullmatch(each.name)) for each in path.parent.iterdir()]
    except OSError:
        return
    for each, match in beside:
        if match is None or _is_running(int(match[1])):
            continue
        if each.is_dir() and not each.is_symlink():
            shutil.rmtree(each, ignore_errors=True)
        else:
            each.unlink(missing_ok=True)


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to; it takes the name of `path` only when all went well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    clear_leftovers(path)
    partial = partial_path(path)
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """The same for what a user asked for.

    Raises:
        DataError: The file cannot be written.
    """
    try:
        with atomic_path(path) as partial:
            yield partial
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {error.strerror}") from error


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A hidden folder beside `folder` to write to, whose content arrives there when all went well.

    A folder that is there keeps what it has; none of the new names may be in it.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    clear_leftovers(folder)
    partial = partial_path(folder)
    partial.mkdir()
    try:
        yield partial
        if folder.exists():
            for each in partial.iterdir():
                each.rename(folder / each.name)
        else:
            partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _is_running(process: int) -> bool:
    if process == os.getpid():
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True  # somebody else's, or not to be told
    return True
