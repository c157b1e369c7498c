"""Rows for queries, more than there are: their number changes with every frame, shapes need not."""

from __future__ import annotations

from typing import Final

import torch
from jaxtyping import Shaped
from torch import Tensor

NOTHING: Final = 0.0
HARMLESS: Final = 0.5
"""A box in the middle: padding must be harmless, not absent, to every layer."""
PADDED: Final = 1.0


def in_slots(num_rows: int, slots_of: int) -> int:
    """The next multiple of `slots_of`: as few shapes as multiples are in use.

    >>> in_slots(0, 16), in_slots(1, 16), in_slots(17, 16)
    (0, 16, 32)
    """
    return -(-num_rows // slots_of) * slots_of


def lengthened(
    rows: Shaped[Tensor, "B _ *numbers"], length: int, value: float
) -> Shaped[Tensor, "B {length} *numbers"]:
    """The rows of each image, and behind them others that are all `value`."""
    missing = length - rows.shape[1]
    added = rows.new_full((rows.shape[0], missing, *rows.shape[2:]), value)
    return torch.cat([rows, added], dim=1)
