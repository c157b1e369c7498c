"""Which new objects given detections allow: MOTChallenge's protocol of public detections."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from trackformer.boxes import area, pairwise_iou
from trackformer.data.formats.mot.published_results import read_as_published
from trackformer.data.formats.mot.reading import read_mot_results
from trackformer.tracking.settings import TrackerSettings

MIN_IOU: Final = 0.5
"""Least overlap of a birth with its public detection where `public_rule` is `min_iou`."""


@dataclass(frozen=True, slots=True, eq=False)
class PublicDetections:
    """The detections that come with a video; made by `read_public_detections`."""

    boxes_xyxy: Mapping[int, Float[np.ndarray, "_ 4"]]
    """By 0-based frame, in 0-based pixels; absent frames have none."""

    def in_frame(self, frame_index: int, settings: TrackerSettings) -> Float[np.ndarray, "_ 4"]:
        """The boxes of one frame, left top right bottom."""
        boxes: Float[np.ndarray, "_ 4"] = self.boxes_xyxy.get(frame_index, np.zeros((0, 4)))
        if settings.compatibility == "reference":
            boxes = read_as_published(boxes)
        return boxes


def read_public_detections(path: Path) -> PublicDetections:
    """Read a MOTChallenge `det.txt`; scores and ids are not looked at.

    Raises:
        DataError: The file is missing or malformed.
    """
    frames = read_mot_results(path)
    return PublicDetections({frame.frame_index: frame.boxes_xyxy for frame in frames})


def allowed_births(
    boxes_xyxy: Float[Tensor, "N 4"],
    public_xyxy: Float[Tensor, "P 4"],
    rule: Literal["center_distance", "min_iou"],
) -> Bool[Tensor, " N"]:
    """Which detections meet a public one, each public one allowing one birth at most.

    The public detections choose in their order, each the nearest of those not chosen before.

    Args:
        boxes_xyxy: Detections that would begin tracks, in pixels.
        public_xyxy: Public detections, in pixels.
        rule: `center_distance`: the squared distance of the centres is less than the detection's
            area. `min_iou`: they overlap by `MIN_IOU` or more.
    """
    allowed = torch.zeros(len(boxes_xyxy), dtype=torch.bool)
    if len(boxes_xyxy) == 0:
        return allowed.to(boxes_xyxy.device)
    if rule == "center_distance":
        distance = squared_center_distance(boxes_xyxy, public_xyxy)
        meets = distance < area(boxes_xyxy)[:, None]
    else:
        overlap = pairwise_iou(boxes_xyxy, public_xyxy)
        distance, meets = -overlap, overlap >= MIN_IOU
    distance, meets = distance.cpu(), meets.cpu()
    # What one public detection takes is no longer there for the next: one after the other.
    for public in range(len(public_xyxy)):
        nearest = int(distance[:, public].masked_fill(allowed, torch.inf).argmin())
        if meets[nearest, public] and not allowed[nearest]:
            allowed[nearest] = True
    return allowed.to(boxes_xyxy.device)


def squared_center_distance(
    first_xyxy: Float[Tensor, "A 4"], second_xyxy: Float[Tensor, "E 4"]
) -> Float[Tensor, "A E"]:
    """Squared Euclidean distance between the centres of every pair of boxes."""
    centers = [(boxes[:, :2] + boxes[:, 2:]) / 2 for boxes in (first_xyxy, second_xyxy)]
    return (centers[0][:, None] - centers[1][None]).square().sum(-1)
