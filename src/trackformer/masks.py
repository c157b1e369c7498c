"""How mask logits become masks in pixels of a frame: of one object each, or without overlap."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

Size = tuple[int, int]
"""(height, width)."""
NOBODY = -1
"""Owner of a pixel that no mask claims."""


def mask_probabilities(
    logits: Float[Tensor, "N h w"], padded_size: Size, image_size: Size
) -> Float[Tensor, "N H W"]:
    """Probability of every pixel of the network's input to belong to each object.

    Args:
        logits: At a quarter of the padded images' size.
        padded_size: What `logits` cover.
        image_size: The upper left part of it that is image.
    """
    # In float32 whatever the network ran in: what counts is which of two close ones is larger.
    whole = F.interpolate(logits[:, None].float(), size=padded_size, mode="bilinear")[:, 0]
    return whole[:, : image_size[0], : image_size[1]].sigmoid()


def masks_at(
    probabilities: Float[Tensor, "N H W"], frame_size: Size
) -> Bool[Tensor, "N frame_height frame_width"]:
    """Each object's pixels (above 0.5) in a frame of any size; masks may overlap."""
    return _nearest((probabilities > 0.5).to(torch.uint8), frame_size).to(torch.bool)


def disjoint_masks_at(
    probabilities: Float[Tensor, "N H W"], frame_size: Size
) -> Bool[Tensor, "N frame_height frame_width"]:
    """The same, but a pixel belongs to the likeliest object alone (Meinhardt et al. 2022, MOTS).

    Of equally likely ones, to the first.
    """
    # Owners are enlarged, not probabilities: the same pixels for a fraction of the memory.
    owners = _nearest(owner_of_pixels(probabilities)[None].float(), frame_size)[0]
    everyone = torch.arange(len(probabilities), device=owners.device)
    return owners == everyone[:, None, None]


def owner_of_pixels(probabilities: Float[Tensor, "N H W"]) -> Int[Tensor, "H W"]:
    """Row of the object that each pixel most likely shows, `NOBODY` where none exceeds 0.5."""
    if len(probabilities) == 0:
        size = probabilities.shape[1:]
        return torch.full(size, NOBODY, dtype=torch.long, device=probabilities.device)
    best, owner = probabilities.max(0)
    return torch.where(best > 0.5, owner, NOBODY)


def _nearest(maps: Tensor, size: Size) -> Tensor:
    return F.interpolate(maps[:, None], size=size, mode="nearest")[:, 0]
