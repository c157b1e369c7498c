"""Where feature maps are padding, and how much of them is not."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor


def padding_at(
    is_padding: Bool[Tensor, "B _ _"], features: Float[Tensor, "B _ H W"]
) -> Bool[Tensor, "B H W"]:
    """The padding of the images at the size of a feature map: the nearest pixel decides."""
    size = (features.shape[-2], features.shape[-1])
    return F.interpolate(is_padding[:, None].float(), size=size)[:, 0].to(torch.bool)


def valid_ratios(level_padding: Sequence[Bool[Tensor, "B _ _"]]) -> Float[Tensor, "B L 2"]:
    """Share of each level's (width, height) that is not padding, in float32."""
    return torch.stack(
        [
            # Images lie at the top left: the first row and the first column tell.
            torch.stack([(~row).float().mean(1), (~column).float().mean(1)], dim=-1)
            for row, column in ((level[:, 0, :], level[:, :, 0]) for level in level_padding)
        ],
        dim=1,
    )
