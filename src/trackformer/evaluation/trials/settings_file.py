"""The file of tracker settings that `tune` writes and `track --settings` reads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml

from trackformer.atomic_files import refuse_existing, whole_file
from trackformer.errors import ConfigError


def check_destination(path: Path, *, overwrite: bool) -> None:
    """Fail before the search rather than after.

    Raises:
        ConfigError: `path` exists and is not to be replaced.
    """
    if path.is_dir():
        raise ConfigError(f"{path}: expected a file to write to, got a folder")
    refuse_existing(path, overwrite=overwrite)


def write_settings(path: Path, values: Mapping[str, float], note: str) -> None:
    """Write the settings, atomically, under one line that says where they come from.

    Raises:
        DataError: The file cannot be written.
    """
    with whole_file(path) as partial:
        text = yaml.safe_dump(dict(values), sort_keys=False)
        partial.write_text(f"# {note}\n{text}", encoding="utf-8")
