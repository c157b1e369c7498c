"""How tests run a command of the command line within their own process."""

from __future__ import annotations

from collections.abc import Callable

Run = Callable[..., tuple[int, str, str]]
"""Takes the words of a command; returns exit code, output and error output."""

HANGS_S = 600.0
"""Only what hangs takes as long as this, seconds; a busy machine needs a minute to import torch."""
