"""Files that appear complete or not at all: a crash or a full disk leaves what was there before."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trackformer.errors import ConfigError, DataError


def refuse_existing(path: Path, *, overwrite: bool) -> None:
    """Fail before long work rather than after.

    Raises:
        ConfigError: `path` exists and is not to be replaced.
    """
    if path.exists() and not overwrite:
        raise ConfigError(f"{path}: exists already; it is replaced only with --overwrite")


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to; it takes the name of `path` only when all went well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
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
