"""What a tracker or detector answered for one frame, as it travels to and from result files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int

if TYPE_CHECKING:
    # Only for the signature: result files are read and scored without loading torch.
    import trackformer.objects


@dataclass(frozen=True, slots=True, eq=False)
class ResultFrame:
    """The results of one frame; boxes in 0-based pixels, left top right bottom."""

    frame_index: int
    """0-based."""
    track_ids: Int[np.ndarray, " N"]
    """Identity within the video; -1 for detections."""
    boxes_xyxy: Float[np.ndarray, "N 4"]
    scores: Float[np.ndarray, " N"]
    labels: Int[np.ndarray, " N"] | None = None
    """Class index, -1 for a class that is not asked for; None where the results name no classes."""


def result_of(objects: trackformer.objects.TrackedObjects) -> ResultFrame:
    """A tracker's answer as numpy arrays on the CPU."""
    return ResultFrame(
        frame_index=objects.frame_index,
        track_ids=np.asarray(objects.track_ids),
        boxes_xyxy=np.asarray(objects.boxes_xyxy, np.float64),
        scores=np.asarray(objects.scores, np.float64),
        labels=np.asarray(objects.labels) if len(objects.class_names) > 1 else None,
    )


def result_of_detections(detections: trackformer.objects.Detections) -> ResultFrame:
    """A detector's answer as numpy arrays on the CPU; every id is -1."""
    return ResultFrame(
        frame_index=detections.frame_index,
        track_ids=np.full(len(detections), -1),
        boxes_xyxy=np.asarray(detections.boxes_xyxy, np.float64),
        scores=np.asarray(detections.scores, np.float64),
    )
