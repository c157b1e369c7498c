"""`--settings FILE.yaml`: tracker settings that differ from the model's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def changes_in(path: Path | None) -> dict[str, Any]:
    """What the file sets, checked; nothing without a file."""
    from trackformer.config import read_settings
    from trackformer.tracking.settings import TrackerSettings

    if path is None:
        return {}
    return read_settings(TrackerSettings, path).model_dump(exclude_unset=True)
