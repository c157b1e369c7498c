"""The loss of one frame: decoder layers, proposals and masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Int
from torch import Tensor

from trackformer.models.trackformer import TrackFormer
from trackformer.training.losses.masks import mask_losses
from trackformer.training.losses.set_prediction import SetLosses, set_prediction_loss
from trackformer.training.matching import match_layers
from trackformer.training.settings import (
    LossSettings,
    MatchingSettings,
    ProposalSettings,
    TrackQuerySettings,
)
from trackformer.types import ModelOutput, Proposals, Target


@dataclass(frozen=True, slots=True)
class ClipLossSettings:
    """The settings that a clip's loss reads."""

    track_queries: TrackQuerySettings
    matching: MatchingSettings
    loss: LossSettings
    checkpoint_frames: bool = False
    proposals: ProposalSettings = field(default_factory=ProposalSettings)


def frame_loss(
    model: TrackFormer,
    output: ModelOutput,
    target_index: Int[Tensor, "D B Q"],
    targets: Sequence[Target],
    num_objects: float,
    settings: ClipLossSettings,
) -> tuple[Tensor, dict[str, Tensor]]:
    """The weighted sum, and its parts and counts, detached."""
    decoder = set_prediction_loss(
        output.class_logits,
        output.boxes,
        target_index,
        targets,
        num_objects,
        settings.loss,
        output.num_track_queries,
    )
    total = decoder.total(settings.loss)
    parts = weighted("decoder", decoder, settings.loss)
    if output.proposals is not None:
        encoder = _proposal_loss(output, output.proposals, targets, num_objects, settings)
        total = total + encoder.total(settings.loss)
        parts |= weighted("encoder", encoder, settings.loss)
    if model.predicts_masks:
        masks = mask_losses(model, output, target_index[-1], targets, num_objects)
        total = total + masks.total(settings.loss)
        parts["mask_focal"] = settings.loss.mask_weight * masks.focal.detach()
        parts["mask_dice"] = settings.loss.dice_weight * masks.dice.detach()
    is_matched = target_index[-1] >= 0
    parts["objects_by_track_queries"] = is_matched[:, : output.num_track_queries].sum().float()
    parts["objects_by_object_queries"] = is_matched[:, output.num_track_queries :].sum().float()
    return total, parts


def _proposal_loss(
    output: ModelOutput,
    proposals: Proposals,
    targets: Sequence[Target],
    num_objects: float,
    settings: ClipLossSettings,
) -> SetLosses:
    """The first stage is trained like a decoder layer that has to find every object itself."""
    if proposals.class_agnostic:
        targets = [replace(target, labels=torch.zeros_like(target.labels)) for target in targets]
    nobody = torch.zeros((len(targets), 0), dtype=torch.long, device=proposals.boxes.device)
    index = match_layers(
        proposals.class_logits[None],
        proposals.boxes[None],
        targets,
        nobody,
        settings.matching,
        may_share=[True],
        has_no_object_class=output.has_no_object_class,
    )
    return set_prediction_loss(
        proposals.class_logits[None],
        proposals.boxes[None],
        index,
        targets,
        num_objects,
        settings.loss,
    )


def weighted(
    stage: str, losses: SetLosses, settings: LossSettings, weight: float = 1.0
) -> dict[str, Tensor]:
    """The three terms as they count in the total, detached, named after their stage."""
    return {
        f"{stage}_class": weight * settings.class_weight * losses.classification.detach(),
        f"{stage}_l1": weight * settings.l1_weight * losses.l1.detach(),
        f"{stage}_giou": weight * settings.giou_weight * losses.giou.detach(),
    }
