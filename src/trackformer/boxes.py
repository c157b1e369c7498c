"""How boxes are converted, compared and cleaned."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


def exact(
    places: Float[Tensor, "*rows"], dtype: torch.dtype | None = None
) -> Float[Tensor, "*rows"]:
    """Places in an image in `dtype` (their own, if absent), but in float32 at least.

    16 bits do not tell neighbouring pixels of a large image apart.
    """
    return places.to(torch.promote_types(dtype or places.dtype, torch.float32))


def cxcywh_to_xyxy(boxes: Float[Tensor, "*rows 4"]) -> Float[Tensor, "*rows 4"]:
    """(centre x, centre y, width, height) to (left, top, right, bottom)."""
    centre, size = boxes[..., :2], boxes[..., 2:]
    return torch.cat([centre - size / 2, centre + size / 2], dim=-1)


def xyxy_to_cxcywh(boxes: Float[Tensor, "*rows 4"]) -> Float[Tensor, "*rows 4"]:
    """(left, top, right, bottom) to (centre x, centre y, width, height)."""
    low, high = boxes[..., :2], boxes[..., 2:]
    return torch.cat([(low + high) / 2, high - low], dim=-1)


def to_pixels_xyxy(
    boxes: Float[Tensor, "*rows 4"], image_size: tuple[int, int]
) -> Float[Tensor, "*rows 4"]:
    """Relative cxcywh to pixel xyxy of an image of (height, width)."""
    height, width = image_size
    return cxcywh_to_xyxy(boxes) * boxes.new_tensor([width, height, width, height])


def to_relative_cxcywh(
    boxes_xyxy: Float[Tensor, "*rows 4"], image_size: tuple[int, int]
) -> Float[Tensor, "*rows 4"]:
    """Pixel xyxy of an image of (height, width) to relative cxcywh."""
    height, width = image_size
    return xyxy_to_cxcywh(boxes_xyxy / boxes_xyxy.new_tensor([width, height, width, height]))


def area(boxes_xyxy: Float[Tensor, "*rows 4"]) -> Float[Tensor, "*rows"]:
    """Width times height, 0 for boxes turned inside out."""
    size = (boxes_xyxy[..., 2:] - boxes_xyxy[..., :2]).clamp(min=0)
    return size[..., 0] * size[..., 1]


def pairwise_intersection(
    first: Float[Tensor, "A 4"], second: Float[Tensor, "E 4"]
) -> Float[Tensor, "A E"]:
    """Area common to every pair of xyxy boxes."""
    sides = []
    # One axis after the other: tables with a last axis of two take ten times as long.
    for low, high in ((0, 2), (1, 3)):
        begin = torch.maximum(first[:, low, None], second[None, :, low])
        end = torch.minimum(first[:, high, None], second[None, :, high])
        sides.append((end - begin).clamp_(min=0))
    return sides[0] * sides[1]


def pairwise_iou(first: Float[Tensor, "A 4"], second: Float[Tensor, "E 4"]) -> Float[Tensor, "A E"]:
    """Intersection over union of every pair of xyxy boxes, [0, 1]; 0 for empty boxes."""
    intersection = pairwise_intersection(first, second)
    union = area(first)[:, None] + area(second)[None] - intersection
    return torch.where(union > 0, intersection / union.clamp(min=1e-12), 0.0)


def pairwise_giou(
    first: Float[Tensor, "A 4"], second: Float[Tensor, "E 4"]
) -> Float[Tensor, "A E"]:
    """Generalised IoU of every pair of xyxy boxes, [-1, 1] (Rezatofighi et al. 2019)."""
    intersection = pairwise_intersection(first, second)
    union = area(first)[:, None] + area(second)[None] - intersection
    low = torch.minimum(first[:, None, :2], second[None, :, :2])
    high = torch.maximum(first[:, None, 2:], second[None, :, 2:])
    hull = (high - low).clamp(min=0).prod(-1)
    return _generalised(intersection, union, hull)


def paired_iou(first: Float[Tensor, "A 4"], second: Float[Tensor, "A 4"]) -> Float[Tensor, " A"]:
    """Intersection over union of the xyxy boxes in the same row, [0, 1]."""
    intersection, union = _paired_overlap(first, second)
    return intersection / union.clamp(min=1e-12)


def paired_giou(first: Float[Tensor, "A 4"], second: Float[Tensor, "A 4"]) -> Float[Tensor, " A"]:
    """Generalised IoU of the boxes in the same row, [-1, 1]."""
    intersection, union = _paired_overlap(first, second)
    hull_low = torch.minimum(first[:, :2], second[:, :2])
    hull_high = torch.maximum(first[:, 2:], second[:, 2:])
    return _generalised(intersection, union, (hull_high - hull_low).clamp(min=0).prod(-1))


def sanitise(boxes: Float[Tensor, "*rows 4"]) -> Float[Tensor, "*rows 4"]:
    """Relative cxcywh without NaN, infinity or negative sizes.

    Gradients pass where nothing changes.

    A diverging network must yield a bad cost, not an exception in the assignment.
    """
    finite = torch.nan_to_num(boxes, nan=0.0, posinf=1e4, neginf=-1e4)
    return torch.cat([finite[..., :2], finite[..., 2:].clamp(min=0)], dim=-1)


def non_maximum_suppression(
    boxes_xyxy: Float[Tensor, "A 4"], scores: Float[Tensor, " A"], iou_threshold: float
) -> Bool[Tensor, " A"]:
    """Which boxes stay when each suppresses lower-scoring ones above an IoU, best first.

    Equal scores keep their order, so the result is deterministic. `torchvision.ops.nms` gives the
    same set but needs torchvision's compiled operators, which a CPU-only torch may lack.
    """
    order = torch.sort(scores, descending=True, stable=True).indices
    suppresses = pairwise_iou(boxes_xyxy[order], boxes_xyxy[order]) > iou_threshold
    rows = suppresses.triu(diagonal=1).cpu().numpy()
    stays = torch.ones(len(order), dtype=torch.bool).numpy()
    # A box suppressed by a better one suppresses nobody itself: inherently one after the other,
    # but most boxes overlap no other.
    for index in np.flatnonzero(rows.any(axis=1)).tolist():
        if stays[index]:
            stays[index + 1 :] &= ~rows[index, index + 1 :]
    keep = torch.zeros(len(order), dtype=torch.bool, device=boxes_xyxy.device)
    keep[order] = torch.from_numpy(stays).to(boxes_xyxy.device)
    return keep


def share_inside(
    boxes_xyxy: Float[Tensor, "A 4"], regions_xyxy: Float[Tensor, "E 4"]
) -> Float[Tensor, " A"]:
    """Largest share of each box's area that lies in one of the regions, [0, 1]."""
    if len(regions_xyxy) == 0:
        return boxes_xyxy.new_zeros(len(boxes_xyxy))
    covered = pairwise_intersection(boxes_xyxy, regions_xyxy)
    return (covered / area(boxes_xyxy).clamp(min=1e-12)[:, None]).amax(1)


def inverse_sigmoid(
    values: Float[Tensor, "*shape"], epsilon: float = 1e-5
) -> Float[Tensor, "*shape"]:
    """Logit of values in [0, 1], with both ends kept `epsilon` away from infinity."""
    clamped = values.clamp(0, 1)
    return torch.log(clamped.clamp(min=epsilon) / (1 - clamped).clamp(min=epsilon))


def _paired_overlap(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Intersection and union of the boxes in the same row."""
    low = torch.maximum(first[:, :2], second[:, :2])
    high = torch.minimum(first[:, 2:], second[:, 2:])
    intersection = (high - low).clamp(min=0).prod(-1)
    return intersection, area(first) + area(second) - intersection


def _generalised(intersection: Tensor, union: Tensor, hull: Tensor) -> Tensor:
    """GIoU = IoU - (hull - union) / hull, defined as -1 .. 1 also for empty boxes."""
    iou = intersection / union.clamp(min=1e-12)
    return iou - (hull - union) / hull.clamp(min=1e-12)


def moved_on(
    boxes: Float[Tensor, "T 4"],
    displacements: Float[Tensor, "T 2"],
    unseen_for: Float[Tensor, " T"] | Int[Tensor, " T"],
    motion: float | int,
    lost_motion: float | int,
    elapsed: float = 1.0,
) -> Float[Tensor, "T 4"]:
    """Where to look for objects in the next frame: a lost one is where it would be by now.

    Args:
        boxes: cxcywh in the frame where each object was last seen.
        displacements: How far each centre moves in a unit of time: a second, or a frame.
        unseen_for: Time since then, up to the frame before the next; 0 = seen in that.
        motion: Share of the displacement by which boxes move on.
        lost_motion: How fast missed ones go on, relative to those just seen.
        elapsed: From the frame before to the next.
    """
    time = elapsed + lost_motion * unseen_for[:, None]
    centres = boxes[:, :2] + motion * time * displacements
    return torch.cat([centres, boxes[:, 2:]], dim=-1)


def smoothed_displacements(
    before: Float[Tensor, "T 2"], moved: Float[Tensor, "T 2"], smoothing: float
) -> Float[Tensor, "T 2"]:
    """How far centres move in a unit of time, from what was believed before and what was just seen.

    Boxes tremble from frame to frame by as much as slow objects move: average, unless first.

    Args:
        before: Displacements so far; 0 where none is known.
        moved: Displacements just measured.
        smoothing: Share of `before` that stays, in [0, 1).
    """
    is_known = (before != 0).any(1, keepdim=True)
    return torch.where(is_known, smoothing * before + (1 - smoothing) * moved, moved)
