"""The bar that shows how far a video is."""

from __future__ import annotations

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text


def progress_bar() -> Progress:
    """Frames done and to do, on the error output; nothing where that is no terminal."""
    console = Console(stderr=True)
    return Progress(
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _FrameRateColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )


class _FrameRateColumn(ProgressColumn):
    def render(self, task: Task) -> Text:
        """Frames per second of the last half minute."""
        return Text("" if task.speed is None else f"{task.speed:.1f} frames/s")
