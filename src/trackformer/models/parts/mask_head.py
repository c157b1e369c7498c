"""How a query's embedding becomes a mask of its object (Carion et al. 2020, section 4.4)."""

from __future__ import annotations

from math import gcd
from typing import Final

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from trackformer.models.parts.sublayers import check_heads
from trackformer.types import MaskInput

ROWS_AT_A_TIME: Final = 16
"""Queries whose maps are computed together: those of a crowd take gigabytes. Changes no result."""


class MaskHead(nn.Module):
    """Attention maps of the queries, sharpened by the backbone's finer maps (figure 8 there).

    Args:
        embedding_size: C, of queries and of the encoded map.
        num_heads: Of the attention.
        map_channels: Of the three backbone maps that are added, coarsest first (strides 16, 8, 4).
    """

    def __init__(self, embedding_size: int, num_heads: int, map_channels: tuple[int, ...]) -> None:
        super().__init__()
        self.attention = AttentionMap(embedding_size, num_heads)
        first = embedding_size + num_heads
        widths = [max(1, embedding_size // share) for share in (2, 4, 8, 16)]
        self.first = Block(first, first)
        self.blocks = nn.ModuleList(
            Block(before, after) for before, after in zip([first, *widths], widths, strict=False)
        )
        self.adapters = nn.ModuleList(
            nn.Conv2d(channels, width, kernel_size=1)
            for channels, width in zip(map_channels, widths, strict=False)
        )
        self.output = nn.Conv2d(widths[-1], 1, kernel_size=3, padding=1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_uniform_(module.weight, a=1)
                assert module.bias is not None
                nn.init.zeros_(module.bias)

    def forward(
        self,
        view: MaskInput,
        embeddings: Float[Tensor, "B Q C"],
        chosen: Bool[Tensor, "B Q"],
    ) -> Float[Tensor, "R h w"]:
        """Mask logits of the R chosen queries, image by image, at the size of the finest map.

        Queries do not see each other: whichever others are chosen, a mask stays the same.
        """
        attention = self.attention(embeddings, view.encoded, view.is_padding)[chosen]
        image = torch.nonzero(chosen)[:, 0]
        finer = [
            adapter(each) for adapter, each in zip(self.adapters, view.finer_maps, strict=True)
        ]
        # What does not depend on the query is computed once an image, not once a query.
        num_shared = view.projected.shape[1]
        weight, bias = self.first.convolution.weight, self.first.convolution.bias
        shared = F.conv2d(view.projected, weight[:, :num_shared], bias, padding=1)
        pieces = [attention.new_zeros((0, *finer[-1].shape[-2:]))]
        for start in range(0, len(image), ROWS_AT_A_TIME):
            rows = slice(start, start + ROWS_AT_A_TIME)
            own = F.conv2d(attention[rows], weight[:, num_shared:], padding=1)
            maps = self.first.normed(shared[image[rows]] + own)
            pieces.append(self._sharpened(maps, [each[image[rows]] for each in finer]))
        return torch.cat(pieces)

    def _sharpened(
        self, maps: Float[Tensor, "R _ _ _"], finer: list[Float[Tensor, "R _ _ _"]]
    ) -> Float[Tensor, "R h w"]:
        """Up to the size of the finest map, one map after the other."""
        for block, added in zip(self.blocks, finer, strict=False):
            maps = added + F.interpolate(block(maps), size=added.shape[-2:], mode="nearest")
        logits: Tensor = self.output(self.blocks[-1](maps))
        return logits[:, 0]


class AttentionMap(nn.Module):
    """Where each query looks: the weights of a multi-head attention, without values."""

    def __init__(self, embedding_size: int, num_heads: int) -> None:
        super().__init__()
        check_heads(embedding_size, num_heads)
        self.num_heads = num_heads
        self.query = nn.Linear(embedding_size, embedding_size)
        self.key = nn.Linear(embedding_size, embedding_size)
        for projection in (self.query, self.key):
            nn.init.xavier_uniform_(projection.weight)
            nn.init.zeros_(projection.bias)

    def forward(
        self,
        embeddings: Float[Tensor, "B Q C"],
        encoded: Float[Tensor, "B C H W"],
        is_padding: Bool[Tensor, "B H W"],
    ) -> Float[Tensor, "B Q M H W"]:
        """Weights that sum to 1 over the heads and the image together, 0 in the padding.

        Over both, unlike in attention layers: so the published weights were trained, and a head may
        stay out of an object that another one sees.
        """
        query = self.query(embeddings).unflatten(-1, (self.num_heads, -1))
        key = self.key(encoded.flatten(2).transpose(1, 2)).unflatten(-1, (self.num_heads, -1))
        scores = torch.einsum("bqmc,bsmc->bqms", query * query.shape[-1] ** -0.5, key)
        scores = scores.masked_fill(is_padding.flatten(1)[:, None, None], -torch.inf)
        weights = scores.flatten(2).softmax(-1)
        return weights.view(*scores.shape[:3], *encoded.shape[-2:])


class Block(nn.Module):
    """A convolution, a GroupNorm and a ReLU."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(before, after, kernel_size=3, padding=1)
        # 8 groups as published where the channels allow it.
        self.norm = nn.GroupNorm(gcd(8, after), after)

    def forward(self, maps: Float[Tensor, "R _ h w"]) -> Float[Tensor, "R _ h w"]:
        """Maps of the same size."""
        return self.normed(self.convolution(maps))

    def normed(self, maps: Float[Tensor, "R _ h w"]) -> Float[Tensor, "R _ h w"]:
        """The part behind the convolution."""
        return F.relu(self.norm(maps))
