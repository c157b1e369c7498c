"""Boxes whose four edges are distributions (D-FINE, Peng et al. 2024, section 4.1)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def edge_support(
    max_num_bins: int, up: Float[Tensor, " 1"], reach: Tensor | float
) -> Float[Tensor, " bins"]:
    """W(n) of D-FINE, equation 4: fine near zero, coarse far away.

    Args:
        max_num_bins: One less than there are bins.
        up: Half of the farthest an edge may move, in shares of `reach`.
        reach: How curved the support is.
    """
    bound = up * reach
    step = (bound + 1) ** (2 / (max_num_bins - 2))
    above = [step**power - 1 for power in range(1, max_num_bins // 2)]
    below = [-value for value in reversed(above)]
    return torch.cat([-2 * bound, *below, torch.zeros_like(bound), *above, 2 * bound])


def moved_boxes(
    initial: Float[Tensor, "B Q 4"], distances: Float[Tensor, "B Q 4"], reach: Tensor | float
) -> Float[Tensor, "B Q 4"]:
    """Each side of a relative cxcywh box moved by a distance, in sizes of the box by `reach`."""
    share = initial[..., 2:] / reach
    low = initial[..., :2] - (0.5 * reach + distances[..., :2]) * share
    high = initial[..., :2] + (0.5 * reach + distances[..., 2:]) * share
    return torch.cat([(low + high) / 2, high - low], dim=-1)
