"""The losses of masks: of the last decoder layer's matched queries alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from trackformer.models.trackformer import TrackFormer
from trackformer.training.settings import LossSettings
from trackformer.types import ModelOutput, Target


@dataclass(frozen=True, slots=True, eq=False)
class MaskLosses:
    """Unweighted terms."""

    focal: Float[Tensor, ""]
    dice: Float[Tensor, ""]

    def total(self, settings: LossSettings) -> Float[Tensor, ""]:
        """The weighted sum that is added to the set prediction loss."""
        return settings.mask_weight * self.focal + settings.dice_weight * self.dice


def mask_losses(
    model: TrackFormer,
    output: ModelOutput,
    target_index: Int[Tensor, "B Q"],
    targets: Sequence[Target],
    num_objects: float,
) -> MaskLosses:
    """Focal and DICE loss of the masks of all queries whose object has a known outline.

    Args:
        model: One that predicts masks; it is asked for those of these queries only.
        output: Its answer.
        target_index: Assignment of the last decoder layer.
        targets: With masks, all of one size after padding: that of the images.
        num_objects: By which sums are divided, as in the set prediction loss.
    """
    wanted = _padded_masks(targets)
    chosen, rows = _with_outline(target_index, wanted)
    logits = model.masks_of(output.memory, output.embeddings, chosen)
    wanted = wanted[torch.nonzero(chosen)[:, 0], rows].float()
    # float32 whatever the autocast: sums over all pixels of an image.
    with torch.autocast(logits.device.type, enabled=False):
        # To the size of the images, not the other way round: small objects keep their shape.
        size = wanted.shape[-2:]
        logits = F.interpolate(logits.float()[:, None], size=size, mode="bilinear")[:, 0]
        return MaskLosses(
            focal=focal_loss(logits.flatten(1), wanted.flatten(1)).sum() / num_objects,
            dice=dice_loss(logits.flatten(1), wanted.flatten(1)).sum() / num_objects,
        )


def focal_loss(
    logits: Float[Tensor, "R pixels"], wanted: Float[Tensor, "R pixels"]
) -> Float[Tensor, " R"]:
    """Lin et al. 2017, equation 5, with its alpha 0.25 and gamma 2; mean over the pixels."""
    scores = logits.sigmoid()
    entropy = F.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    wrongness = scores + wanted - 2 * scores * wanted
    alpha = 0.25 * wanted + 0.75 * (1 - wanted)
    return (alpha * wrongness**2 * entropy).mean(1)


def dice_loss(
    logits: Float[Tensor, "R pixels"], wanted: Float[Tensor, "R pixels"]
) -> Float[Tensor, " R"]:
    """1 - (2 Σ m s + 1) / (Σ s + Σ m + 1) (Milletari et al. 2016; Carion et al. 2020, appendix)."""
    scores = logits.sigmoid()
    overlap = 2 * (scores * wanted).sum(1)
    return 1 - (overlap + 1) / (scores.sum(1) + wanted.sum(1) + 1)


def _padded_masks(targets: Sequence[Target]) -> Bool[Tensor, "B G H W"]:
    """All masks of a batch, filled up with empty ones; at least one per image."""
    masks = [target.masks for target in targets if target.masks is not None]
    assert len(masks) == len(targets), "targets without masks"
    sizes = torch.tensor([mask.shape for mask in masks]).amax(0)
    most, height, width = max(1, int(sizes[0])), int(sizes[1]), int(sizes[2])
    padded = masks[0].new_zeros((len(masks), most, height, width))
    for index, mask in enumerate(masks):
        padded[index, : mask.shape[0], : mask.shape[1], : mask.shape[2]] = mask
    return padded


def _with_outline(
    target_index: Int[Tensor, "B Q"], wanted: Bool[Tensor, "B G H W"]
) -> tuple[Bool[Tensor, "B Q"], Int[Tensor, " R"]]:
    """Which queries have a mask to learn, and which row of their image's masks it is."""
    is_known = wanted.flatten(2).any(-1)
    row = target_index.clamp(min=0)
    chosen = (target_index >= 0) & is_known.gather(1, row)
    return chosen, row[chosen]
