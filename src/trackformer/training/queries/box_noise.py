"""How exact boxes become ones that a detector might answer."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from trackformer.boxes import sanitise
from trackformer.devices import sent


def shaken(
    boxes: Float[Tensor, "*rows 4"], box_noise: float, generator: torch.Generator
) -> Float[Tensor, "*rows 4"]:
    """Centres shifted by up to half of `box_noise` times the size, sizes scaled by it.

    Args:
        boxes: Relative cxcywh.
        box_noise: Share of a box's size.
        generator: On the CPU.
    """
    noise = sent(torch.rand(boxes.shape, generator=generator), boxes.device).to(boxes.dtype)
    noise = (2 * noise - 1) * box_noise
    centres = boxes[..., :2] + noise[..., :2] * boxes[..., 2:] / 2
    sizes = boxes[..., 2:] * (1 + noise[..., 2:])
    return sanitise(torch.cat([centres, sizes], dim=-1)).clamp(max=1)
