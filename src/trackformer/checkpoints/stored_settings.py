"""What a file of a model says of itself (torch-free)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from trackformer.checkpoints.problems import one_line
from trackformer.config import settings_from
from trackformer.errors import CheckpointError, ConfigError
from trackformer.models.settings import ModelSettings


def stored_settings(
    path: Path, metadata: Mapping[str, str], file_format: str, expected: str
) -> ModelSettings:
    """What a file's header says of its model.

    Raises:
        CheckpointError: It is of another format than `file_format`, which holds what is `expected`,
            or its settings are of another version.
    """
    if metadata.get("format") != file_format:
        raise CheckpointError(
            f"{path}: expected {expected} ({file_format}), "
            f"got format {metadata.get('format', 'unknown')!r}"
        )
    try:
        return settings_from(ModelSettings, json.loads(metadata["settings"]), str(path))
    except (ConfigError, KeyError, ValueError, RecursionError) as error:
        # RecursionError: mappings within mappings, a thousand deep.
        raise CheckpointError(
            f"{path}: the stored settings cannot be used: {one_line(error)}"
        ) from error
