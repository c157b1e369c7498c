"""The settings of the published tracker, under their published names, as ours (torch-free)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import Field, NonNegativeFloat, PositiveInt

from trackformer.config import Settings, settings_from
from trackformer.errors import ConfigError

SECTION: Final = "tracker_cfg"
"""Where the published file for tracking has them; what else stands there is not of a tracker."""


class PublishedTrackerSettings(Settings):
    """The published names, with the published defaults."""

    public_detections: Literal[False, "center_distance", "min_iou_0_5"] = False
    detection_obj_score_thresh: NonNegativeFloat = 0.4
    track_obj_score_thresh: NonNegativeFloat = 0.4
    detection_nms_thresh: NonNegativeFloat = 0.9
    """0: off."""
    track_nms_thresh: NonNegativeFloat = 0.9
    """0: off."""
    steps_termination: PositiveInt = 1
    prev_frame_dist: PositiveInt = 1
    inactive_patience: Annotated[int, Field(ge=-1)] = -1
    """-1: no re-identification at all."""
    reid_sim_threshold: NonNegativeFloat = 0.0
    """A distance of embeddings; with `reid_greedy_matching` a squared one of centres in pixels."""
    reid_sim_only: bool = False
    reid_score_thresh: NonNegativeFloat = 0.4
    """Above 1: never by score."""
    reid_greedy_matching: bool = False


def is_published(content: Mapping[str, Any]) -> bool:
    """Whether a settings file speaks of the tracker by the published names."""
    return SECTION in content or any(
        name in PublishedTrackerSettings.model_fields for name in content
    )


def translated(content: Mapping[str, Any], where: str) -> dict[str, Any]:
    """A published settings file as settings of `TrackerSettings`.

    Args:
        content: Of the file: its section `tracker_cfg`, alone or among others.
        where: Begins the message of an error.

    Raises:
        ConfigError: A name or value is none of the published ones, or one has no equal here.
    """
    section = content.get(SECTION, content)
    if not isinstance(section, Mapping):
        raise ConfigError(f"{where}: {SECTION}: expected a mapping, got {type(section).__name__}")
    published = settings_from(PublishedTrackerSettings, section, where)
    if published.reid_sim_only:
        # It loses every track after every frame, with the box of its birth; nothing here does so.
        raise ConfigError(
            f"{where}: reid_sim_only: true has no equal here; expected false, or reid_score_thresh "
            "above 1 where lost tracks must not come back by score"
        )
    forgets = published.inactive_patience < 0
    distance = published.reid_sim_threshold
    changes: dict[str, Any] = {
        "birth_score": published.detection_obj_score_thresh,
        "keep_score": published.track_obj_score_thresh,
        "reid_score": published.reid_score_thresh,
        "patience": max(0, published.inactive_patience),
        "track_nms_iou": published.track_nms_thresh or None,
        "birth_nms_iou": published.detection_nms_thresh or None,
        "termination_steps": published.steps_termination,
        "previous_frame_distance": published.prev_frame_dist,
        "motion": 0.0,
        "compatibility": "reference",
    }
    if published.public_detections == "min_iou_0_5":
        changes["public_rule"] = "min_iou"
    if published.reid_greedy_matching and not forgets:
        changes["reid_center_distance"] = math.sqrt(distance)
    elif distance and not forgets:
        changes["reid_embedding_distance"] = distance
    return changes
