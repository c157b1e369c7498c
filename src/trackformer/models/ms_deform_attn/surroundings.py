"""How samples lie between the cells of the levels' maps: rows of a table, and their weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from trackformer.devices import constant_beside
from trackformer.models.ms_deform_attn.level_shapes import LevelShapes

CORNERS = ((0, 0), (0, 1), (1, 0), (1, 1))
"""(down, right) from the cell before a sample to the four around it."""


class Axis(NamedTuple):
    """Along x or y: how locations lie between the cell before them and the next one."""

    cell: Int[Tensor, "B Q M K"]
    distance: Float[Tensor, "B Q M K"]
    """Of the location from the cell's centre, in cells; in [0, 1) inside the map."""
    weight: Float[Tensor, "B Q M K"]
    next_weight: Float[Tensor, "B Q M K"]
    has_next: Float[Tensor, "M K"]

    @classmethod
    def of(cls, relative: Float[Tensor, "B Q M K"], size: Float[Tensor, "M K"]) -> Axis:
        """Of locations from 0 to 1 on maps of `size` cells."""
        position = (relative * size).sub_(0.5)
        # Moved inside so that the next cell exists as well: a tent weight is 0 where its cell does
        # not surround the location, which pads with zeros. On maps of one cell there is no next.
        inside = torch.minimum(position.clamp(min=0), (size - 2).clamp_(min=0))
        # A location that is not a number must not become an address outside the table.
        cell = inside.to(torch.int32).clamp_(min=0)
        distance = position.sub_(cell)
        has_next = (size > 1).to(size.dtype)
        weight = (1 - distance.abs()).clamp_(min=0)
        next_weight = (1 - (distance - 1).abs_()).clamp_(min=0).mul_(has_next)
        return cls(cell, distance, weight, next_weight, has_next)

    def slopes(self) -> tuple[Float[Tensor, "B Q M K"], Float[Tensor, "B Q M K"]]:
        """Of both weights along the axis, from the right."""
        # floor says between which cells a location lies: -1 rises to this cell, 0 falls from it to
        # the next one, 1 falls from the next one. 1 - |whole number| is 1 at 0 and then no more.
        between = self.distance.floor()
        falls = (1 - between.abs()).clamp_(min=0)
        rises = (1 - (between + 1).abs_()).clamp_(min=0)
        next_falls = (1 - between.sub_(1).abs_()).clamp_(min=0)
        slope = rises.sub_(falls)
        next_slope = falls.sub_(next_falls).mul_(self.has_next)
        return slope, next_slope


class Grid(NamedTuple):
    """Constants of every sample of a query, spelled out per head, level and point.

    Broadcasting along a last axis of four or so would cost more than the sampling itself.
    """

    width: Float[Tensor, "M K"]
    height: Float[Tensor, "M K"]
    columns: Int[Tensor, "M K"]
    first_row: Int[Tensor, "B 1 M K"]
    right: Int[Tensor, "M K"]
    below: Int[Tensor, "M K"]
    """Rows of the table between a cell and its neighbours."""

    @classmethod
    def of(cls, value: Tensor, level_shapes: LevelShapes, num_points: int) -> Grid:
        """Of all levels, K = L P."""
        batch_size, num_tokens, num_heads, _ = value.shape
        # Half the bytes of int64, and the table of a batch has far fewer rows than 2^31.
        numbers = torch.int32 if value.numel() < 2**31 else torch.int64
        sides = constant_beside(value, level_shapes, numbers)
        areas = sides.prod(1, dtype=numbers)
        starts = areas.cumsum(0, dtype=numbers) - areas
        table = torch.cat([sides, starts[:, None]], dim=1).repeat_interleave(num_points, dim=0)
        height, width, start = table.T[:, None].expand(-1, num_heads, -1).contiguous()
        heads = torch.arange(num_heads, dtype=numbers, device=value.device)[:, None]
        images = torch.arange(batch_size, dtype=numbers, device=value.device)
        return cls(
            width=width.to(value.dtype),
            height=height.to(value.dtype),
            columns=width,
            first_row=(images[:, None, None, None] * num_tokens + start) * num_heads + heads,
            # A factor of another type would have every row converted twice.
            right=num_heads * (width > 1).to(numbers),
            below=num_heads * width * (height > 1).to(numbers),
        )

    def of_level(self, level: int, num_points: int) -> Grid:
        """Of one level, K = P."""
        points = slice(level * num_points, (level + 1) * num_points)
        return Grid(*(each[..., points].contiguous() for each in self))

    def axes(self, locations: Float[Tensor, "B Q M K 2"]) -> tuple[Axis, Axis]:
        """How locations lie between cells."""
        relative_x, relative_y = locations.movedim(-1, 0).contiguous()
        return Axis.of(relative_x, self.width), Axis.of(relative_y, self.height)

    def surrounding_rows(self, x: Axis, y: Axis, out: Sequence[Int[Tensor, "B Q M K"]]) -> None:
        """The table's rows of the four cells around each location, in the order of `CORNERS`."""
        num_heads = x.cell.shape[2]
        corner = (y.cell * self.columns).add_(x.cell).mul_(num_heads).add_(self.first_row)
        out[0].copy_(corner)
        torch.add(corner, self.right, out=out[1])
        corner += self.below
        out[2].copy_(corner)
        torch.add(corner, self.right, out=out[3])


def weigh_corners(
    x: Axis,
    y: Axis,
    attention_weights: Float[Tensor, "B Q M K"],
    out: Sequence[Float[Tensor, "B Q M K"]],
) -> None:
    """Of the four cells around each sample, in the order of `CORNERS`."""
    upper, lower = y.weight * attention_weights, y.next_weight * attention_weights
    torch.mul(upper, x.weight, out=out[0])
    torch.mul(upper, x.next_weight, out=out[1])
    torch.mul(lower, x.weight, out=out[2])
    torch.mul(lower, x.next_weight, out=out[3])


def corner_steps(height: int, width: int, num_heads: int) -> list[int | None]:
    """From the table's row of a cell to those of its `CORNERS`; None on maps without the latter."""
    return [
        (down * width + right) * num_heads if down < height and right < width else None
        for down, right in CORNERS
    ]
