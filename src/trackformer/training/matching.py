"""Which target each query must predict: the whole assignment in one `target_index`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from trackformer.boxes import cxcywh_to_xyxy, pairwise_giou, pairwise_iou, sanitise, share_inside
from trackformer.devices import fetched_together, sent
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
    last = len(output.boxes) - 1
    return match_layers(
        output.class_logits,
        output.boxes,
        targets,
        carried,
        settings,
        may_share=[settings.coopetition and layer < last for layer in range(last + 1)],
        has_no_object_class=output.has_no_object_class,
        is_padding=output.is_padding,
    )


@torch.no_grad()
def match_layers(  # noqa: PLR0913 - predictions, the targets, and how to compare them
    class_logits: Float[Tensor, "D B Q K"],
    boxes: Float[Tensor, "D B Q 4"],
    targets: Sequence[Target],
    carried: Int[Tensor, "B T"],
    settings: MatchingSettings,
    *,
    may_share: Sequence[bool],
    has_no_object_class: bool,
    is_padding: Bool[Tensor, "B Q"] | None = None,
) -> Int[Tensor, "D B Q"]:
    """`match` for the predictions of some layers; `may_share`: carried targets are open, too."""
    num_layers, num_tracks = len(boxes), carried.shape[1]
    costs, excused = [], []
    # In float32 whatever the autocast: half-precision costs reorder close pairs and overflow.
    with torch.autocast(class_logits.device.type, enabled=False):
        for image, target in enumerate(targets):
            logits = class_logits[:, image, num_tracks:].float().flatten(0, 1)
            predicted = sanitise(boxes[:, image, num_tracks:].float()).flatten(0, 1)
            cost = matching_cost(
                logits, predicted, target, settings, has_no_object_class=has_no_object_class
            )
            if is_padding is not None:
                is_padded = is_padding[image, num_tracks:].repeat(num_layers)
                cost = cost.masked_fill(is_padded[:, None], UNDEFINED_COST)
            costs.append(cost.view(num_layers, boxes.shape[2] - num_tracks, len(target.labels)))
            excused.append(_is_excused(predicted, target, settings).view(costs[-1].shape[:2]))
    is_open = [target.visibility >= settings.birth_visibility for target in targets]
    assigned = sent(_assigned(costs, is_open, carried, may_share), boxes.device)
    assigned = torch.where((assigned == NO_OBJECT) & torch.stack(excused, 1), PADDING, assigned)
    if is_padding is not None:
        assigned = torch.where(is_padding[:, num_tracks:], PADDING, assigned)
    return torch.cat([carried.expand(num_layers, -1, -1), assigned], dim=2)


def _assigned(
    costs: Sequence[Float[Tensor, "D N _"]],
    is_open: Sequence[Bool[Tensor, " _"]],
    carried: Int[Tensor, "B T"],
    may_share: Sequence[bool],
) -> Int[Tensor, "D B N"]:
    """The target that each object query takes, on the processor; `NO_OBJECT` for the others."""
    # All layers and images in one transfer: a GPU is waited for once a frame.
    fetched = [each.numpy() for each in fetched_together([*costs, *is_open, carried])]
    carried_rows = fetched.pop().astype(np.int64)
    num_layers, num_queries = costs[0].shape[:2]
    assigned = np.full((num_layers, len(costs), num_queries), NO_OBJECT)
    for image, (cost, visible) in enumerate(
        zip(fetched[: len(costs)], fetched[len(costs) :], strict=True)
    ):
        taken = carried_rows[image]
        is_free = visible > 0
        is_free[taken[taken >= 0]] = False
        for layer, shares in enumerate(may_share):
            rows = np.flatnonzero(visible if shares else is_free)
            queries, columns = linear_sum_assignment(cost[layer][:, rows])
            assigned[layer, image, queries] = rows[columns]
    return torch.from_numpy(assigned)


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
    overlap = pairwise_iou(predicted, cxcywh_to_xyxy(target.boxes))
    is_hardly_visible = target.visibility < settings.birth_visibility
    return is_excused | ((overlap > 0.5) & is_hardly_visible).any(1)
