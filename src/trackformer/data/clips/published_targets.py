"""Which objects of a crop the published TrackFormer asks for, defects included.

Nothing here is better than `clips.target_of`; it is what published weights were trained with
(docs/compatibility.md lists the differences).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from trackformer.data.annotations import AnnotatedFrame
from trackformer.data.clips.settings import ClipSettings
from trackformer.data.clips.transforms import Crop, crop_boxes, cut_at_borders
from trackformer.types import Target


@dataclass(frozen=True, slots=True)
class FrameInClip:
    """What the published code makes a difference by."""

    image_size: tuple[int, int]
    """(height, width) of the whole image."""
    is_video: bool
    """Or one still image."""
    is_last: bool
    """Of its clip."""


def target_as_published(
    frame: AnnotatedFrame, crop: Crop, settings: ClipSettings, place: FrameInClip
) -> Target:
    """The objects of which any part lies in the crop, wherever their centres are.

    Hardly visible ones (`min_visibility`) are left out, and no query is excused for seeing them.
    Frames before the last are cut at the crop whatever `clip_boxes` says, still images at their
    own borders, and boxes of videos keep counting pixels from 1.
    """
    boxes_xyxy = frame.boxes_xyxy + (1.0 if place.is_video else 0.0)
    if not place.is_video:
        boxes_xyxy = np.clip(boxes_xyxy, 0, np.array(place.image_size[::-1] * 2))
    boxes = crop_boxes(boxes_xyxy, crop)
    clipped = cut_at_borders(boxes)
    keep = (clipped[:, 2:] > 0).all(1) & (frame.visibility > settings.min_visibility)
    if settings.clip_boxes or not place.is_last:
        boxes = clipped
    return Target(
        boxes=torch.from_numpy(boxes[keep]).float(),
        labels=torch.from_numpy(frame.labels[keep]).long(),
        track_ids=torch.from_numpy(frame.track_ids[keep]).long(),
        visibility=torch.from_numpy(frame.visibility[keep]).float(),
        ignore_boxes=torch.zeros(0, 4),
    )
