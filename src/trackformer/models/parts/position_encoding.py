"""How a place in an image becomes a vector: sine, with or without time, and learned encodings."""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from trackformer.errors import ConfigError

TEMPERATURE = 10000
"""Ratio of the longest to the shortest wavelength (Vaswani et al. 2017, section 3.5)."""

PositionEncodingName = Literal["sine", "sine_centred", "sine_time", "learned"]


def build_position_encoding(name: PositionEncodingName, embedding_size: int) -> nn.Module:
    """A module from `is_padding` (B H W) to encodings (B C H W), C = `embedding_size`.

    `SineTimeEncoding` also asks for the frame.
    """
    if name == "learned":
        return LearnedPositionEncoding(embedding_size)
    if name == "sine_time":
        return SineTimeEncoding(embedding_size)
    return SinePositionEncoding(embedding_size, offset=0.0 if name == "sine" else -0.5)


class SinePositionEncoding(nn.Module):
    """Sines and cosines of the row and of the column (Carion et al. 2020, appendix A.4).

    Rows and columns are counted from 1 over what is not padding and scaled to (0, 2π], so an
    image is encoded the same however far it is padded.

    Args:
        embedding_size: Half of it for the row, half for the column.
        offset: Added to the counts: 0 as in DETR, -0.5 (cell centres) as in Deformable DETR and in
            TrackFormer's plain DETR.
    """

    def __init__(self, embedding_size: int, offset: float) -> None:
        super().__init__()
        if embedding_size % 4:
            raise ConfigError(
                f"embedding_size must be a multiple of 4 for sine positions, got {embedding_size}"
            )
        self.num_features = embedding_size // 2
        self.offset = offset

    def forward(self, is_padding: Bool[Tensor, "B H W"]) -> Float[Tensor, "B C H W"]:
        """Encode every cell, in float32."""
        is_image = ~is_padding
        axes = []
        for dim in (1, 2):
            # Whole numbers: torch refuses other sums on a GPU where all must be repeatable.
            count = is_image.cumsum(dim, dtype=torch.int32).to(torch.float32)
            last = count.narrow(dim, -1, 1)
            # Where a row or column is all padding, `last` is 0.
            angles = (count + self.offset) / (last + 1e-6) * (2 * math.pi)
            axes.append(sine_features(angles, self.num_features))
        return torch.cat(axes, dim=-1).permute(0, 3, 1, 2)


def sine_features(angles: Float[Tensor, "*rows"], num_features: int) -> Float[Tensor, "*rows _"]:
    """Sine and cosine, alternating, of angles (radians) divided by 1 … `TEMPERATURE`."""
    exponents = torch.arange(0, num_features, 2, dtype=torch.float32, device=angles.device)
    scaled = angles[..., None] / TEMPERATURE ** (exponents / num_features)
    return torch.stack([scaled.sin(), scaled.cos()], dim=-1).flatten(-2)


class SineTimeEncoding(nn.Module):
    """Sines and cosines of the frame, the row and the column (Meinhardt et al. 2022).

    Args:
        embedding_size: A third of it for each.
        num_frames: How many frames are told apart.
    """

    def __init__(self, embedding_size: int, num_frames: int = 2) -> None:
        super().__init__()
        if embedding_size % 6:
            raise ConfigError(
                "embedding_size must be a multiple of 6 for sine positions with time, "
                f"got {embedding_size}"
            )
        self.num_features = embedding_size // 3
        self.num_frames = num_frames
        # The published code counts cells from 1 here, unlike in its encoding without time.
        self.space = SinePositionEncoding(2 * self.num_features, offset=0.0)

    def forward(self, is_padding: Bool[Tensor, "B H W"], frame: int) -> Float[Tensor, "B C H W"]:
        """Encode every cell of one frame (0 is the earliest), in float32."""
        count = (frame + 1) * (~is_padding).to(torch.float32)
        last = self.num_frames * (~is_padding).to(torch.float32)
        angles = count / (last + 1e-6) * (2 * math.pi)
        time = sine_features(angles, self.num_features).permute(0, 3, 1, 2)
        return torch.cat([time, self.space(is_padding)], dim=1)


class LearnedPositionEncoding(nn.Module):
    """A learned vector per column and one per row (the ablation of Carion et al. 2020, table 3).

    Args:
        embedding_size: Half of it for the column, half for the row.
        max_size: Rows and columns with a vector of their own. On larger maps the vectors are
            stretched over the map.
    """

    def __init__(self, embedding_size: int, max_size: int = 50) -> None:
        super().__init__()
        self.column_embedding = nn.Parameter(torch.rand(max_size, embedding_size // 2))
        self.row_embedding = nn.Parameter(torch.rand(max_size, embedding_size // 2))

    def forward(self, is_padding: Bool[Tensor, "B H W"]) -> Float[Tensor, "B C H W"]:
        """Encode every cell; padding makes no difference."""
        batch_size, height, width = is_padding.shape
        columns = _first_rows(self.column_embedding, width)[None].expand(height, -1, -1)
        rows = _first_rows(self.row_embedding, height)[:, None].expand(-1, width, -1)
        encoding = torch.cat([columns, rows], dim=-1).permute(2, 0, 1)
        return encoding[None].expand(batch_size, -1, -1, -1)


def _first_rows(table: Float[Tensor, "_ C"], count: int) -> Float[Tensor, "{count} C"]:
    if count <= len(table):
        return table[:count]
    stretched = F.interpolate(table.T[None], size=count, mode="linear", align_corners=True)
    return stretched[0].T
