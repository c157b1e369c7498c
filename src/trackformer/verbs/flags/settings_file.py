"""`--settings FILE.yaml`: tracker settings that differ from the model's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def changes_in(path: Path | None) -> dict[str, Any]:
    """What the file sets, by our names or the published ones, checked; nothing without a file."""
    from trackformer.config import read_yaml, settings_from
    from trackformer.tracking.lifecycle.published_settings import is_published, translated
    from trackformer.tracking.settings import TrackerSettings

    if path is None:
        return {}
    content = read_yaml(path)
    if is_published(content):
        content = translated(content, str(path))
    return settings_from(TrackerSettings, content, str(path)).model_dump(exclude_unset=True)
