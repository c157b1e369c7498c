"""The set prediction loss over all queries and decoder layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from trackformer.boxes import cxcywh_to_xyxy, paired_giou, paired_iou
from trackformer.training.settings import LossSettings
from trackformer.types import NO_OBJECT, PADDING, Target


@dataclass(frozen=True, slots=True, eq=False)
class SetLosses:
    """Unweighted terms, each the sum over D layers."""

    classification: Float[Tensor, ""]
    l1: Float[Tensor, ""]
    giou: Float[Tensor, ""]

    def total(self, settings: LossSettings) -> Float[Tensor, ""]:
        """The weighted sum that is minimised."""
        return (
            settings.class_weight * self.classification
            + settings.l1_weight * self.l1
            + settings.giou_weight * self.giou
        )


def set_prediction_loss(  # noqa: PLR0913 - what was predicted, what was meant, and what counts
    class_logits: Float[Tensor, "D B Q K"],
    boxes: Float[Tensor, "D B Q 4"],
    target_index: Int[Tensor, "D B Q"],
    targets: Sequence[Target],
    num_objects: float,
    settings: LossSettings,
    num_track_queries: int = 0,
) -> SetLosses:
    """DETR's loss (Carion et al. 2020, equation 2), TrackFormer's over all queries (equation 1).

    Args:
        class_logits: Of every layer.
        boxes: Relative cxcywh of every layer.
        target_index: Target of each query, `NO_OBJECT`, or `PADDING` for rows without loss.
        targets: One per image.
        num_objects: By which sums are divided; at least 1; the mean over all processes.
        settings: Weights and the kind of classification loss.
        num_track_queries: How many of the queries, the first ones, are track queries.
    """
    # float32 at least, whatever the autocast: sums over thousands of queries lose small terms in
    # half.
    with torch.autocast(class_logits.device.type, enabled=False):
        dtype = torch.promote_types(class_logits.dtype, torch.float32)
        class_logits, boxes = class_logits.to(dtype), boxes.to(dtype)
        target_boxes, target_labels = padded_targets(targets, boxes)
        is_matched = target_index >= 0
        image = torch.arange(len(targets), device=boxes.device)[None, :, None]
        row = target_index.clamp(min=0)
        wanted_boxes = target_boxes[image, row][is_matched]
        found_boxes = boxes[is_matched]
        found_xyxy, wanted_xyxy = cxcywh_to_xyxy(found_boxes), cxcywh_to_xyxy(wanted_boxes)
        giou = paired_giou(found_xyxy, wanted_xyxy)
        labels = target_labels[image, row]
        if settings.classification == "cross_entropy":
            background = _background_weights(target_index, num_track_queries, settings)
            classification = _cross_entropy(class_logits, labels, target_index, background)
        else:
            quality = torch.zeros_like(class_logits[..., 0])
            quality[is_matched] = paired_iou(found_xyxy.detach(), wanted_xyxy)
            classification = (
                _sigmoid_loss(class_logits, labels, target_index, quality, settings) / num_objects
            )
        return SetLosses(
            classification=classification,
            l1=(found_boxes - wanted_boxes).abs().sum() / num_objects,
            giou=(1 - giou).sum() / num_objects,
        )


def padded_targets(
    targets: Sequence[Target], like: Tensor
) -> tuple[Float[Tensor, "B G 4"], Int[Tensor, "B G"]]:
    """All targets of a batch in one tensor, at least one row so that it can be indexed."""
    most = max(1, max(len(target.labels) for target in targets))
    boxes = like.new_zeros((len(targets), most, 4))
    labels = torch.zeros((len(targets), most), dtype=torch.long, device=like.device)
    for index, target in enumerate(targets):
        boxes[index, : len(target.boxes)] = target.boxes.to(like.dtype)
        labels[index, : len(target.labels)] = target.labels
    return boxes, labels


def _background_weights(
    target_index: Int[Tensor, "D B Q"], num_track_queries: int, settings: LossSettings
) -> Float[Tensor, " Q"]:
    """Weight of every query where it must find nothing."""
    queries = torch.arange(target_index.shape[-1], device=target_index.device)
    is_track = queries < num_track_queries
    return torch.where(is_track, settings.lost_track_weight, settings.no_object_weight)


def _cross_entropy(
    class_logits: Float[Tensor, "D B Q K"],
    labels: Int[Tensor, "D B Q"],
    target_index: Int[Tensor, "D B Q"],
    background: Float[Tensor, " Q"],
) -> Float[Tensor, ""]:
    """Softmax cross-entropy with a weighted no-object class, averaged per layer."""
    no_object = class_logits.shape[-1] - 1
    wanted = torch.where(target_index >= 0, labels, no_object)
    loss = F.cross_entropy(class_logits.movedim(-1, 1), wanted, reduction="none")
    weight = torch.where(target_index == NO_OBJECT, background, 1.0)
    weight = torch.where(target_index == PADDING, 0.0, weight)
    per_layer = (loss * weight).flatten(1).sum(1) / weight.flatten(1).sum(1).clamp(min=1e-6)
    return per_layer.sum()


def _sigmoid_loss(
    class_logits: Float[Tensor, "D B Q K"],
    labels: Int[Tensor, "D B Q"],
    target_index: Int[Tensor, "D B Q"],
    quality: Float[Tensor, "D B Q"],
    settings: LossSettings,
) -> Float[Tensor, ""]:
    """Sum over all queries and classes of the focal or the matchability-aware loss."""
    one_hot = F.one_hot(labels, class_logits.shape[-1]).to(class_logits.dtype)
    one_hot = one_hot * (target_index >= 0).unsqueeze(-1)
    scores = class_logits.sigmoid()
    if settings.classification == "focal":
        # Lin et al. 2017, equation 5.
        loss = F.binary_cross_entropy_with_logits(class_logits, one_hot, reduction="none")
        wrongness = scores + one_hot - 2 * scores * one_hot
        alpha = settings.focal_alpha * one_hot + (1 - settings.focal_alpha) * (1 - one_hot)
        loss = alpha * wrongness**settings.focal_gamma * loss
    else:
        # Huang et al. 2025 (DEIM), equation 7: objects aim at IoU^gamma, background as in focal.
        aim = one_hot * quality.unsqueeze(-1) ** settings.mal_gamma
        weight = one_hot + (1 - one_hot) * scores.detach() ** settings.mal_gamma
        loss = weight * F.binary_cross_entropy_with_logits(class_logits, aim, reduction="none")
    return (loss * (target_index != PADDING).unsqueeze(-1)).sum()
