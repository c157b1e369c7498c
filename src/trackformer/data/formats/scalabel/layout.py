"""What readers and writers of Scalabel's json files both know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

Record: TypeAlias = Mapping[str, Any]
"""One entry of the json file."""
IGNORED: Final = "ignored"
"""The category under which regions are written; Scalabel itself has the attribute `crowd`."""
LAST_PIXEL: Final = 1.0
"""Scalabel's `x2` and `y2` are the last pixel inside a box; its edges, as ours, lie one further."""
