"""Which target each query must predict: the whole assignment in one `target_index`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch
from jaxtyping import Bool, Float, Int
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from trackformer.boxes import cxcywh_to_xyxy, pairwise_giou, pairwise_iou, sanitise, share_inside
from trackformer.training.settings import MatchingSettings
from trackformer.types import NO_OBJECT, PADDING, ModelOutput, Target

UNDEFINED_COST: Final = 1e6
"""Of rows that are no queries, and of those that a diverging network answers with NaN."""


def match(
    output: ModelOutput,
    targets: Sequence[Target],
    carried: Int[Tensor, "B T"],
    settings: MatchingSettings,
) -> Int[Tensor, "D B Q"]:
    """Assign targets to queries, in every decoder layer (Meinhardt et al. 2022, section 3.3).

    Track queries take what they carry: the index of their object (K_track), `NO_OBJECT` when it
    is gone or never was one (K_leaving), `PADDING` for rows that are none. Object queries take the
    remaining targets at minimum cost (K_init).

    Args:
        output: T track queries, then N object queries.
        targets: One per image.
        carried: Target index of every track query.
        settings: Costs.

    Returns:
        Index into the image's target, `NO_OBJECT`, or `PADDING` for rows without loss: padding,
        and unmatched object queries inside ignore regions or on hardly visible objects.
    """
    layers = [
        match_layer(
            output.class_logits[layer],
            output.boxes[layer],
            targets,
            carried,
            settings,
            may_share=settings.coopetition and layer < len(output.boxes) - 1,
            has_no_object_class=output.has_no_object_class,
            is_padding=output.is_padding,
        )
        for layer in range(len(output.boxes))
    ]
    return torch.stack(layers)


@torch.no_grad()
def match_layer(  # noqa: PLR0913 - one layer's predictions, the targets, and how to compare them
    class_logits: Float[Tensor, "B Q K"],
    boxes: Float[Tensor, "B Q 4"],
    targets: Sequence[Target],
    carried: Int[Tensor, "B T"],
    settings: MatchingSettings,
    *,
    may_share: bool,
    has_no_object_class: bool,
    is_padding: Bool[Tensor, "B Q"] | None = None,
) -> Int[Tensor, "B Q"]:
    """`match` for the predictions of one layer; `may_share`: carried targets are open, too."""
    num_tracks = carried.shape[1]
    rows = []
    # In float32 whatever the autocast: half-precision costs reorder close pairs and overflow.
    with torch.autocast(class_logits.device.type, enabled=False):
        for image, target in enumerate(targets):
            logits = class_logits[image, num_tracks:].float()
            predicted = sanitise(boxes[image, num_tracks:].float())
            is_open = target.visibility >= settings.birth_visibility
            if not may_share:
                is_open = is_open.clone()
                is_open[carried[image][carried[image] >= 0]] = False
            assigned = torch.full(
                (len(predicted),), NO_OBJECT, dtype=torch.long, device=predicted.device
            )
            open_rows = torch.nonzero(is_open)[:, 0]
            cost = matching_cost(
                logits,
                predicted,
                target.select(open_rows),
                settings,
                has_no_object_class=has_no_object_class,
            )
            if is_padding is not None:
                cost = cost.masked_fill(is_padding[image, num_tracks:, None], UNDEFINED_COST)
            queries, columns = linear_sum_assignment(cost.cpu().numpy())
            assigned[torch.as_tensor(queries, device=predicted.device)] = open_rows[
                torch.as_tensor(columns, device=predicted.device)
            ]
            assigned[(assigned == NO_OBJECT) & _is_excused(predicted, target, settings)] = PADDING
            if is_padding is not None:
                assigned[is_padding[image, num_tracks:]] = PADDING
            rows.append(torch.cat([carried[image], assigned]))
    return torch.stack(rows)


def matching_cost(
    class_logits: Float[Tensor, "N K"],
    boxes: Float[Tensor, "N 4"],
    target: Target,
    settings: MatchingSettings,
    *,
    has_no_object_class: bool,
) -> Float[Tensor, "N G"]:
    """Cost of every prediction and target, lower is better.

    DETR, equation 1 (class term: minus the probability); with sigmoids the class term is the
    difference of the focal losses of object and background, as in Deformable DETR.
    """
    if has_no_object_class:
        class_cost = -class_logits.softmax(-1)[:, target.labels]
    else:
        scores = class_logits.sigmoid()
        alpha, gamma = 0.25, 2.0
        object_loss = alpha * (1 - scores) ** gamma * -torch.log(scores + 1e-8)
        background_loss = (1 - alpha) * scores**gamma * -torch.log(1 - scores + 1e-8)
        class_cost = (object_loss - background_loss)[:, target.labels]
    l1_cost = torch.cdist(boxes, target.boxes.to(boxes.dtype), p=1)
    giou = pairwise_giou(cxcywh_to_xyxy(boxes), cxcywh_to_xyxy(target.boxes.to(boxes.dtype)))
    cost = settings.class_cost * class_cost + settings.l1_cost * l1_cost - settings.giou_cost * giou
    # A diverging network gives NaN logits; a large finite cost keeps the assignment defined.
    return torch.nan_to_num(cost, nan=UNDEFINED_COST, posinf=UNDEFINED_COST, neginf=-UNDEFINED_COST)


def _is_excused(
    boxes: Float[Tensor, "N 4"], target: Target, settings: MatchingSettings
) -> Bool[Tensor, " N"]:
    """Queries that may see something nobody can blame them for, nor ask them for."""
    predicted = cxcywh_to_xyxy(boxes)
    is_excused = share_inside(predicted, cxcywh_to_xyxy(target.ignore_boxes)) > 0.5
    hardly_visible = target.boxes[target.visibility < settings.birth_visibility]
    if len(hardly_visible) > 0:
        overlap = pairwise_iou(predicted, cxcywh_to_xyxy(hardly_visible)).amax(1)
        is_excused = is_excused | (overlap > 0.5)
    return is_excused
