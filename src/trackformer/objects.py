"""The objects of a frame as users get them: on the processor, in pixels of the frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jaxtyping import Bool, Float, Int

if TYPE_CHECKING:
    # Only for the signatures: a tracker in one ONNX file answers with arrays of numpy's.
    import supervision
    from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class TrackedObjects:
    """The tracked objects of one frame, as a user gets them."""

    track_ids: Int[Tensor, " N"]
    """Positive, never re-used within a stream."""
    boxes_xyxy: Float[Tensor, "N 4"]
    """Left, top, right, bottom in pixels of the frame; may reach beyond its borders."""
    scores: Float[Tensor, " N"]
    labels: Int[Tensor, " N"]
    """Class index into `class_names`."""
    frame_index: int
    """0-based."""
    class_names: tuple[str, ...] = ()
    masks: Bool[Tensor, "N H W"] | None = None

    def __len__(self) -> int:
        """How many objects the frame has."""
        return len(self.track_ids)

    def to_supervision(self) -> supervision.Detections:
        """The same objects for supervision's annotators, zones and sinks (`tracker_id` is set)."""
        import numpy as np
        import supervision

        names = np.array([self.class_names[label] for label in self.labels.tolist()], dtype=str)
        return supervision.Detections(
            xyxy=self.boxes_xyxy.cpu().numpy(),
            mask=None if self.masks is None else self.masks.cpu().numpy(),
            confidence=self.scores.cpu().numpy(),
            class_id=self.labels.cpu().numpy(),
            tracker_id=self.track_ids.cpu().numpy(),
            data={"class_name": names},
        )


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """The objects of one frame without identities, as a user gets them."""

    boxes_xyxy: Float[Tensor, "N 4"]
    """Left, top, right, bottom in pixels of the frame."""
    scores: Float[Tensor, " N"]
    labels: Int[Tensor, " N"]
    frame_index: int
    class_names: tuple[str, ...] = ()

    def __len__(self) -> int:
        """How many objects the frame has."""
        return len(self.scores)
