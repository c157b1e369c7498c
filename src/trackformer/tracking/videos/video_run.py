"""What became of a video (torch-free)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class VideoRun:
    """What became of a video."""

    files: tuple[Path, ...]
    num_frames: int
    """In its results."""
    num_objects: int
    """Boxes over all frames."""
    seconds: float
    """Reading, tracking, drawing and writing together."""
    broken_off: str | None
    """Why the video ended before its end; None if it did not."""
    num_frames_before: int = 0
    """Of the frames those that an earlier run had tracked (`resume`)."""
    remarks: tuple[str, ...] = ()
    """What to know before relying on frame numbers or times (`FrameSource.remarks`)."""
