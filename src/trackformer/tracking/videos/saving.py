"""When the state of a run is written: as soon as all that it counts on is on disk."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from trackformer.tracking.videos.run_state import RunState

SAVE_EVERY: Final = 50
"""Frames between two states: what a kill costs, and every time a key frame in the video."""


@dataclass(slots=True)
class Saving:
    """States of one run that wait for their videos, whose encoders are some frames behind."""

    path: Path
    every: int = SAVE_EVERY
    """Frames."""
    _waiting: deque[tuple[RunState, Callable[[], bool]]] = field(default_factory=deque)

    def is_due(self, num_steps: int) -> bool:
        """Whether a state should be noted before the next frame."""
        return num_steps % self.every == 0

    def note(self, state: RunState, is_on_disk: Callable[[], bool]) -> None:
        """Write a state as soon as `is_on_disk` says that the results up to it are."""
        self._waiting.append((state, is_on_disk))

    def write_ready(self) -> None:
        """Write the newest state that may be written.

        Raises:
            DataError: It cannot be.
        """
        ready = None
        while self._waiting and self._waiting[0][1]():
            ready, _ = self._waiting.popleft()
        if ready is not None:
            ready.write(self.path)
