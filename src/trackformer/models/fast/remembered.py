"""What depends on an image's padding only, computed once per size."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Final

import torch
from jaxtyping import Bool
from torch import Tensor, nn

from trackformer.devices import is_at_hand

MOST_REMEMBERED: Final = 16
"""Encodings that are kept: two frames of up to eight levels."""


class RememberedEncoding(nn.Module):
    """A position encoding that answers from memory for a padding mask it has seen.

    Sines and cosines of all tokens cost as much as a decoder layer on a CPU. Elsewhere they are
    cheap, and comparing masks would wait for the device: there it computes every time.
    """

    def __init__(self, encoding: nn.Module) -> None:
        super().__init__()
        self.encoding = encoding
        self._known: OrderedDict[Any, tuple[Tensor, Tensor]] = OrderedDict()

    def forward(self, is_padding: Bool[Tensor, "B H W"], *frame: int) -> Tensor:
        """Encode every cell, as `encoding` does."""
        encoded: Tensor
        if not is_at_hand(is_padding):
            encoded = self.encoding(is_padding, *frame)
            return encoded
        key = (is_padding.shape, frame)
        mask, encoded = self._known.get(key, (None, is_padding))
        if mask is None or not torch.equal(mask, is_padding):
            encoded = self.encoding(is_padding, *frame)
            self._known[key] = (is_padding.clone(), encoded)
        self._known.move_to_end(key)
        if len(self._known) > MOST_REMEMBERED:
            self._known.popitem(last=False)
        return encoded
