"""How much a service takes on (torch-free)."""

from __future__ import annotations

from pydantic import PositiveFloat, PositiveInt

from trackformer.config import Settings


class ServeSettings(Settings):
    """Limits; what lies beyond is refused with the status that HTTP has for it."""

    most_sessions: PositiveInt = 64
    """Sessions at a time; one more is refused until one has ended."""
    most_waiting: PositiveInt = 4
    """Frames of a session that may wait; then 429, or the newest replaces the oldest."""
    most_together: PositiveInt = 8
    """Frames that share a pass of the model; 1: results are those of a run, bit for bit."""
    most_bytes: PositiveInt = 16_000_000
    """Size of a picture as it is sent."""
    most_pixels: PositiveInt = 34_000_000
    """Size of a picture, height times width; 8K has 33 million."""
    most_connections: PositiveInt = 256
    """Connections at a time."""
    idle_s: PositiveFloat = 3600.0
    """Seconds without a frame after which a session ends and is forgotten."""
