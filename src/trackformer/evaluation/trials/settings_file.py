"""The file of tracker settings that `tune` writes and `track --settings` reads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml

from trackformer.atomic_files import refuse_existing, refuse_unwritable, whole_file


def check_destination(path: Path, *, overwrite: bool) -> None:
    """Fail before the search rather than after.

    Raises:
        ConfigError: `path` exists and is not to be replaced.
        DataError: It cannot be written.
    """
    refuse_existing(path, overwrite=overwrite)
    refuse_unwritable(path)


def write_settings(path: Path, values: Mapping[str, float], note: str) -> None:
    """Write the settings, atomically, under one line that says where they come from.

    Raises:
        DataError: The file cannot be written.
    """
    with whole_file(path) as partial:
        text = yaml.safe_dump(dict(values), sort_keys=False)
        partial.write_text(f"# {note}\n{text}", encoding="utf-8")
