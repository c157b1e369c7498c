"""Which queries must not see each other: those of different groups."""

from __future__ import annotations

import torch
from jaxtyping import Bool
from torch import Tensor

from trackformer.types import DecoderQueries


def hidden_queries(queries: DecoderQueries) -> Bool[Tensor, "B Q Q"] | None:
    """Which keys (last axis) are hidden from which queries; None: there is one group only."""
    if queries.groups is None:
        return None
    return queries.groups[:, :, None] != queries.groups[:, None, :]


def followed_by(asked: DecoderQueries, others: DecoderQueries) -> DecoderQueries:
    """The queries asked, in a group of their own (0), and others behind them.

    Args:
        asked: Without groups.
        others: With groups, of which some may be 0, too. Their references may be boxes where those
            asked are points.
    """
    assert others.groups is not None
    dtype, size = asked.content.dtype, asked.reference.shape[-1]
    group = torch.zeros_like(asked.is_padding, dtype=others.groups.dtype)
    return DecoderQueries(
        content=torch.cat([asked.content, others.content.to(dtype)], dim=1),
        position=torch.cat([asked.position, others.position.to(dtype)], dim=1),
        reference=torch.cat(
            [asked.reference, others.reference[..., :size].to(asked.reference.dtype)], dim=1
        ),
        is_padding=torch.cat([asked.is_padding, others.is_padding], dim=1),
        proposals=asked.proposals,
        groups=torch.cat([group, others.groups], dim=1),
    )
