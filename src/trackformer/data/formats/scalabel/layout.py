"""What readers and writers of Scalabel's json files both know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

Record: TypeAlias = Mapping[str, Any]
"""One entry of the json file."""
IGNORED: Final = "ignored"
"""The category under which regions are written; Scalabel itself has the attribute `crowd`."""
