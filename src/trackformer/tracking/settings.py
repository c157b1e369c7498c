"""When a track is born, kept, found again and given up (torch-free)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, NonNegativeInt

from trackformer.config import Settings

Score = Annotated[float, Field(ge=0, le=1)]


class TrackerSettings(Settings):
    """Thresholds of the online tracker; scores and IoUs lie in [0, 1]."""

    birth_score: Score = 0.5
    """An object query above this score begins a new track."""
    keep_score: Score = 0.35
    """A track seen in the last frame goes on above this score."""
    reid_score: Score = 0.45
    """A track not seen in the last frame comes back above this score."""
    patience: NonNegativeInt = 8
    """Frames (0 or more) a lost track's query is still asked before the track is given up."""
    track_nms_iou: Score | None = 0.8
    """Of two tracks overlapping more than this, the lower-scoring one is lost; null: off."""
    birth_nms_iou: Score | None = 0.6
    """No track is born that overlaps a track or a better birth more than this; null: off."""
    motion: Annotated[float, Field(ge=0, le=1)] = 0.8
    """Share, [0, 1], of a track's last displacement by which its reference box moves on; 0: off."""
    max_tracks: Annotated[int, Field(ge=1)] = 300
    """Most tracks at a time, 1 or more: beyond, those lost for longest are given up first."""


class DetectSettings(Settings):
    """What counts as a detection when no identities are asked for."""

    min_score: Score = 0.4
    """Lowest score of a reported object."""
    nms_iou: Score | None = 0.7
    """Of two objects overlapping more than this, the lower-scoring one goes; null: off."""
