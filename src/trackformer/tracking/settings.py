"""When a track is born, kept, found again and given up (torch-free)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveInt, model_validator

from trackformer.config import Settings
from trackformer.errors import ConfigError

Score = Annotated[float, Field(ge=0, le=1)]


class TrackerSettings(Settings):
    """Thresholds of the online tracker; scores and IoUs lie in [0, 1]."""

    birth_score: Score = 0.5
    """An object query above this score begins a new track."""
    keep_score: Score = 0.35
    """A track seen in the last frame goes on above this score."""
    reid_score: NonNegativeFloat = 0.4
    """A track not seen in the last frame comes back above this score; above 1: never by score."""
    patience: NonNegativeInt = 8
    """Frames (0 or more) a lost track's query is still asked before the track is given up."""
    patience_s: NonNegativeFloat | None = None
    """The same in seconds, 0 or more, where frames have times; null: patience counts frames."""
    track_nms_iou: Score | None = 0.7
    """Of two tracks overlapping more than this, the lower-scoring one is lost; null: off."""
    birth_nms_iou: Score | None = 0.6
    """No track is born that overlaps a track or a better birth more than this; null: off."""
    motion: Annotated[float, Field(ge=0, le=1)] = 1.0
    """Share, [0, 1], of a track's displacement by which its reference box moves on; 0: off."""
    motion_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.7
    """Share, [0, 1), of the displacement before that stays in a newly measured one; 0: the last."""
    lost_motion: Annotated[float, Field(ge=0, le=1)] = 0.5
    """How fast, [0, 1] of its last speed, a lost track's reference box goes on; 0: it waits."""
    max_tracks: Annotated[int, Field(ge=1)] = 300
    """Most tracks at a time, 1 or more: beyond, those lost for longest are given up first."""
    termination_steps: PositiveInt = 1
    """Frames in a row, 1 or more, that a track must stay below keep_score before it is lost."""
    reid_embedding_distance: NonNegativeFloat | None = None
    """New detections up to this embedding distance also bring lost tracks back; null: off."""
    reid_center_distance: NonNegativeFloat | None = None
    """New detections up to this many pixels away also bring lost tracks back; null: off."""
    public_rule: Literal["center_distance", "min_iou"] = "center_distance"
    """How a birth must meet a public detection, where given: center_distance or min_iou (0.5)."""
    proposal_iou: Score | None = 0.5
    """Proposals overlapping a track's reference box more than this are not asked; null: all are."""
    clip_boxes: bool = False
    """Cut boxes at the borders of the frame: true or false."""
    previous_frame_distance: PositiveInt = 1
    """How many frames, 1 or more, models of two frames look back."""
    compatibility: Literal["none", "reference"] = "none"
    """reference: as the published tracker does it, defects included (docs/compatibility.md)."""

    @model_validator(mode="after")
    def _one_distance(self) -> TrackerSettings:
        if None not in (self.reid_embedding_distance, self.reid_center_distance):
            raise ValueError(
                "expected at most one of reid_embedding_distance and reid_center_distance"
            )
        if self.patience_s is not None and self.compatibility == "reference":
            raise ValueError("patience_s: the published tracker counts frames, expected null")
        return self

    def check_times(self, *, has_times: bool) -> None:
        """Refuse settings that do not suit a stream.

        Raises:
            ConfigError: They count seconds, but frames have no times; or frames have times, but
                the published tracker is imitated, which knows none.
        """
        if has_times and self.compatibility == "reference":
            raise ConfigError("compatibility: reference knows no times, expected frames without")
        if not has_times and self.patience_s is not None:
            raise ConfigError("patience_s: expected frames with times, got one without (time_s)")


class DetectSettings(Settings):
    """What counts as a detection when no identities are asked for."""

    min_score: Score = 0.4
    """Lowest score of a reported object."""
    nms_iou: Score | None = 0.7
    """Of two objects overlapping more than this, the lower-scoring one goes; null: off."""
    every_class: bool = False
    """A query counts with every class, the best 100 in all, as published: true or false."""

    @model_validator(mode="after")
    def _pairs_overlap(self) -> DetectSettings:
        if self.every_class and self.nms_iou is not None:
            raise ValueError(f"every_class: expected nms_iou: null, got {self.nms_iou:g}")
        return self
