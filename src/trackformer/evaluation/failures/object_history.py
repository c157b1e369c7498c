"""Where one annotated object is in a frame, and what is in its way."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from trackformer.data.annotations import AnnotatedFrame

BORDER_SHARE = 0.02
"""A box this close to the border, in shares of the image, touches it."""


def row_of(frame: AnnotatedFrame, object_id: int) -> int | None:
    """The row of an object in its frame; None where it is not annotated."""
    rows = np.flatnonzero(frame.track_ids == object_id)
    return int(rows[0]) if len(rows) else None


def hidden_share(frame: AnnotatedFrame, row: int) -> float:
    """How much of an object cannot be seen, [0, 1].

    By the annotated visibility; and by the most that one other box covers of it, of an object whose
    lower edge is lower (so it is probably nearer) or of something that is no object.
    """
    box = frame.boxes_xyxy[row]
    is_nearer = frame.boxes_xyxy[:, 3] > box[3]
    in_front = np.concatenate([frame.boxes_xyxy[is_nearer], frame.other_boxes_xyxy])
    return float(max(1 - frame.visibility[row], _covered_shares(box, in_front).max(initial=0.0)))


def crowded_share(frame: AnnotatedFrame, row: int) -> float:
    """The most that the box of one other object, before or behind it, covers of an object's box."""
    others = np.delete(frame.boxes_xyxy, row, axis=0)
    return float(_covered_shares(frame.boxes_xyxy[row], others).max(initial=0.0))


def overlaps(boxes_xyxy: Float[np.ndarray, "2 4"]) -> bool:
    """Whether two boxes have pixels in common."""
    return bool(_covered_shares(boxes_xyxy[0], boxes_xyxy[1:])[0] > 0)


def lies_outside(box_xyxy: Float[np.ndarray, " 4"], image_size: tuple[int, int]) -> bool:
    """Whether the centre of a box lies outside an image of (height, width)."""
    x, y = (box_xyxy[:2] + box_xyxy[2:]) / 2
    return not (0 <= x <= image_size[1] and 0 <= y <= image_size[0])


def touches_border(box_xyxy: Float[np.ndarray, " 4"], image_size: tuple[int, int]) -> bool:
    """Whether a box reaches the border of an image of (height, width)."""
    height, width = image_size
    left, top, right, bottom = box_xyxy / (width, height, width, height)
    return bool(min(left, top) <= BORDER_SHARE or max(right, bottom) >= 1 - BORDER_SHARE)


def _covered_shares(
    box: Float[np.ndarray, " 4"], others: Float[np.ndarray, "E 4"]
) -> Float[np.ndarray, " E"]:
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    return np.asarray(np.maximum(high - low, 0).prod(1) / (box[2:] - box[:2]).prod())
