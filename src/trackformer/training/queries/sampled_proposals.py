"""Proposals for training, made of the annotation as a detector might have answered them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from trackformer.boxes import cxcywh_to_xyxy, xyxy_to_cxcywh
from trackformer.tracking.proposals.places import propose_together
from trackformer.training.queries.box_noise import shaken
from trackformer.training.settings import ProposalSettings
from trackformer.types import ProposalBoxes, Target


def sample_shown(
    batch_size: int, settings: ProposalSettings, generator: torch.Generator
) -> Bool[Tensor, " B"]:
    """Which clips of a batch are asked about proposals, in all of their frames.

    Args:
        batch_size: B.
        settings: The rate.
        generator: On the CPU; without proposals, nothing is drawn from it.
    """
    if settings.rate == 0:
        return torch.zeros(batch_size, dtype=torch.bool)
    return torch.rand(batch_size, generator=generator) < settings.rate


def sample_proposals(
    targets: Sequence[Target],
    is_shown: Bool[Tensor, " B"],
    settings: ProposalSettings,
    generator: torch.Generator,
) -> ProposalBoxes | None:
    """The proposals for one frame of a batch; None where there are none.

    Objects that are tracked have them, too: another detector does not know what is tracked.

    Args:
        targets: One per image.
        is_shown: Which images have any.
        settings: How a detector misses, errs and imagines.
        generator: On the CPU.
    """
    places = [
        _places(target.boxes.cpu(), settings, generator) if shown else None
        for target, shown in zip(targets, is_shown.tolist(), strict=True)
    ]
    return propose_together(places, targets[0].boxes.device)


def _places(
    boxes: Float[Tensor, "G 4"], settings: ProposalSettings, generator: torch.Generator
) -> Float[Tensor, "P 4"]:
    """Objects found, then boxes of their sizes at places where nothing need be."""
    count = len(boxes)
    is_found = torch.rand(count, generator=generator) >= settings.drop_rate
    is_imagined = torch.rand(count, generator=generator) < settings.false_positive_rate
    imagined = boxes[is_imagined]
    centres = torch.rand((len(imagined), 2), generator=generator)
    false = torch.cat([centres, imagined[:, 2:]], dim=1)
    found = shaken(boxes[is_found], settings.box_noise, generator)
    # As a detector's boxes, cut at the borders of the frame.
    inside = cxcywh_to_xyxy(torch.cat([found, false])).clamp(0, 1)
    has_area = (inside[:, 2:] > inside[:, :2]).all(-1)
    return xyxy_to_cxcywh(inside[has_area])
