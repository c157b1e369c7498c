"""The file of tracker settings that `tune` writes and `track --settings` reads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml

from trackformer.checkpoints.model_files import atomic_path
from trackformer.errors import ConfigError, DataError


def check_destination(path: Path, *, overwrite: bool) -> None:
    """Fail before the search rather than after.

    Raises:
        ConfigError: `path` exists and is not to be replaced.
    """
    if path.is_dir():
        raise ConfigError(f"{path}: expected a file to write to, got a folder")
    if path.exists() and not overwrite:
        raise ConfigError(f"{path}: exists already; it is replaced only with --overwrite")


def write_settings(path: Path, values: Mapping[str, float], note: str) -> None:
    """Write the settings, atomically, under one line that says where they come from.

    Raises:
        DataError: The file cannot be written.
    """
    try:
        with atomic_path(path) as partial:
            text = yaml.safe_dump(dict(values), sort_keys=False)
            partial.write_text(f"# {note}\n{text}", encoding="utf-8")
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {error.strerror}") from error
