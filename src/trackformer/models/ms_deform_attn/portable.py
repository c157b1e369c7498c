"""The portable way: sums of table rows by `embedding_bag`, forward and backward, in plain torch.

A sample is a weighted sum of the four cells around it, so a query's head is one weighted sum of
4 L P rows of `value`: a bag. No tensor of all samples is made. The backward is written by hand:
products of chosen rows (`sampled_addmm`) for locations and weights, bags of queries for the value;
nothing is added up by many threads at one place, so the same inputs give the same gradient.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from trackformer.models.ms_deform_attn.level_shapes import LevelShapes

QUERIES_AT_ONCE = 1024
"""Rows and weights of this many queries stay in a processor's cache."""


def forward(
    value: Float[Tensor, "B S M _"],
    level_shapes: LevelShapes,
    sampling_locations: Float[Tensor, "B Q M L P 2"],
    attention_weights: Float[Tensor, "B Q M L P"],
) -> Float[Tensor, "B Q C"]:
    """The attended values; all tensors of one dtype, float32 or float64."""
    batch_size, _, num_heads, num_channels = value.shape
    table = value.reshape(-1, num_channels)
    output = value.new_empty((*sampling_locations.shape[:2], num_heads * num_channels))
    grid = _Grid.of(value, level_shapes, sampling_locations.shape[4])
    for queries in _chunks(sampling_locations.shape[1]):
        x, y, rows = grid.surroundings(sampling_locations[:, queries])
        weights = _corner_weights(x, y, attention_weights[:, queries].flatten(3))
        sums = F.embedding_bag(
            rows.flatten(0, 2).flatten(1),
            table,
            mode="sum",
            per_sample_weights=weights.flatten(0, 2).flatten(1),
        )
        output[:, queries] = sums.view(batch_size, -1, num_heads * num_channels)
    return output


def backward(
    grad_output: Float[Tensor, "B Q C"],
    value: Float[Tensor, "B S M _"],
    level_shapes: LevelShapes,
    sampling_locations: Float[Tensor, "B Q M L P 2"],
    attention_weights: Float[Tensor, "B Q M L P"],
) -> tuple[Float[Tensor, "B S M _"], Float[Tensor, "B Q M L P 2"], Float[Tensor, "B Q M L P"]]:
    """Gradients of value, locations and weights, as `ms_deform_attn` describes them."""
    grads = grad_output.reshape(*grad_output.shape[:2], *value.shape[2:])
    grad_locations = torch.empty_like(sampling_locations, memory_format=torch.contiguous_format)
    grad_weights = torch.empty_like(attention_weights, memory_format=torch.contiguous_format)
    table = value.reshape(-1, value.shape[3])
    grid = _Grid.of(value, level_shapes, sampling_locations.shape[4])
    for queries in _chunks(sampling_locations.shape[1]):
        x, y, rows = grid.surroundings(sampling_locations[:, queries])
        chunk_grads = grads[:, queries].reshape(-1, value.shape[3])
        dots = _chosen_products(chunk_grads, table, rows.flatten(0, 2).flatten(1)).view(rows.shape)
        weights = attention_weights[:, queries]
        by_weight, by_x, by_y = _slopes(x, y, dots)
        by_location = torch.stack([by_x.mul_(grid.width), by_y.mul_(grid.height)], dim=-1)
        grad_weights[:, queries] = by_weight.view(weights.shape)
        grad_locations[:, queries] = by_location.view(*weights.shape, 2).mul_(weights[..., None])
    grad_value = _grad_value(grads, value, level_shapes, sampling_locations, attention_weights)
    return grad_value, grad_locations, grad_weights


class _Axis(NamedTuple):
    """Along x or y: how locations lie between the cell before them and the next one."""

    cell: Int[Tensor, "B Q M K"]
    distance: Float[Tensor, "B Q M K"]
    """Of the location from the cell's centre, in cells; in [0, 1) inside the map."""
    weight: Float[Tensor, "B Q M K"]
    next_weight: Float[Tensor, "B Q M K"]
    has_next: Float[Tensor, "M K"]

    @classmethod
    def of(cls, relative: Float[Tensor, "B Q M K"], size: Float[Tensor, "M K"]) -> _Axis:
        position = (relative * size).sub_(0.5)
        # Moved inside so that the next cell exists as well: a tent weight is 0 where its cell does
        # not surround the location, which pads with zeros. On maps of one cell there is no next.
        inside = torch.minimum(position.clamp(min=0), (size - 2).clamp_(min=0))
        # A location that is not a number must not become an address outside the table.
        cell = inside.to(torch.int32).clamp_(min=0)
        distance = position.sub_(cell)
        has_next = (size > 1).to(size.dtype)
        weight = distance.abs().neg_().add_(1).clamp_(min=0)
        next_weight = (distance - 1).abs_().neg_().add_(1).clamp_(min=0).mul_(has_next)
        return cls(cell, distance, weight, next_weight, has_next)

    def slopes(self) -> tuple[Float[Tensor, "B Q M K"], Float[Tensor, "B Q M K"]]:
        """Of both weights along the axis, from the right."""
        # floor says between which cells a location lies: -1 rises to this cell, 0 falls from it to
        # the next one, 1 falls from the next one.
        between = self.distance.floor()
        falls = (between == 0).to(between)
        slope = (between == -1).to(between).sub_(falls)
        next_slope = falls.sub_((between == 1).to(between)).mul_(self.has_next)
        return slope, next_slope


class _Grid(NamedTuple):
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
    def of(cls, value: Tensor, level_shapes: LevelShapes, num_points: int) -> _Grid:
        batch_size, num_tokens, num_heads, _ = value.shape
        # Half the bytes of int64, and the table of a batch has far fewer rows than 2^31.
        numbers = torch.int32 if value.numel() < 2**31 else torch.int64
        sides = torch.tensor(level_shapes, dtype=numbers, device=value.device)
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
            right=num_heads * (width > 1),
            below=num_heads * width * (height > 1),
        )

    def surroundings(
        self, locations: Float[Tensor, "B Q M L P 2"]
    ) -> tuple[_Axis, _Axis, Int[Tensor, "B Q M 4 K"]]:
        """How locations lie between cells, and the table's rows of the four cells around each."""
        relative_x, relative_y = locations.flatten(3, 4).unbind(-1)
        x, y = _Axis.of(relative_x, self.width), _Axis.of(relative_y, self.height)
        num_heads = locations.shape[2]
        corner = (y.cell * self.columns).add_(x.cell).mul_(num_heads).add_(self.first_row)
        rows = corner.new_empty((*corner.shape[:3], 4, corner.shape[3]))
        rows[..., 0, :] = corner
        torch.add(corner, self.right, out=rows[..., 1, :])
        corner += self.below
        rows[..., 2, :] = corner
        torch.add(corner, self.right, out=rows[..., 3, :])
        return x, y, rows


def _corner_weights(
    x: _Axis, y: _Axis, attention_weights: Float[Tensor, "B Q M K"]
) -> Float[Tensor, "B Q M 4 K"]:
    shape = (*attention_weights.shape[:3], 4, attention_weights.shape[3])
    weights = attention_weights.new_empty(shape)
    upper, lower = y.weight * attention_weights, y.next_weight * attention_weights
    torch.mul(upper, x.weight, out=weights[..., 0, :])
    torch.mul(upper, x.next_weight, out=weights[..., 1, :])
    torch.mul(lower, x.weight, out=weights[..., 2, :])
    torch.mul(lower, x.next_weight, out=weights[..., 3, :])
    return weights


def _slopes(
    x: _Axis, y: _Axis, dots: Float[Tensor, "B Q M 4 K"]
) -> tuple[Float[Tensor, "B Q M K"], Float[Tensor, "B Q M K"], Float[Tensor, "B Q M K"]]:
    """How the sum of products changes with a sample's attention weight, and with its x and y."""
    upper_left, upper_right, lower_left, lower_right = dots.unbind(-2)
    upper = (upper_left * x.weight).addcmul_(upper_right, x.next_weight)
    lower = (lower_left * x.weight).addcmul_(lower_right, x.next_weight)
    x_slope, next_x_slope = x.slopes()
    y_slope, next_y_slope = y.slopes()
    upper_by_x = (upper_left * x_slope).addcmul_(upper_right, next_x_slope)
    lower_by_x = (lower_left * x_slope).addcmul_(lower_right, next_x_slope)
    by_weight = (upper * y.weight).addcmul_(lower, y.next_weight)
    by_x = upper_by_x.mul_(y.weight).addcmul_(lower_by_x, y.next_weight)
    by_y = upper.mul_(y_slope).addcmul_(lower, next_y_slope)
    return by_weight, by_x, by_y


def _chosen_products(
    left: Float[Tensor, "N D"], right: Float[Tensor, "R D"], columns: Int[Tensor, "N K"]
) -> Float[Tensor, "N K"]:
    """Inner products of each row of `left` with its chosen rows of `right`."""
    # sampled_addmm runs on processors, and takes no more entries than a whole row has.
    if left.device.type != "cpu" or columns.numel() == 0 or columns.shape[1] > len(right):
        return torch.bmm(right[columns], left[:, :, None]).squeeze(-1)
    _acknowledge_sparse_tensors()
    per_row = columns.shape[1]
    ends = torch.arange(0, columns.numel() + 1, per_row, dtype=columns.dtype)
    pattern = torch.sparse_csr_tensor(
        ends,
        columns.flatten(),
        left.new_zeros(columns.numel()),
        size=(len(left), len(right)),
        check_invariants=False,
    )
    products: Tensor = torch.sparse.sampled_addmm(pattern, left, right.t(), beta=0.0).values()
    return products.view(columns.shape)


@functools.cache
def _acknowledge_sparse_tensors() -> None:
    """Torch warns, once in a process, that sparse tensors may change; users need not hear it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.sparse_csr_tensor([0, 0], [], [], size=(1, 1))


def _grad_value(
    grads: Float[Tensor, "B Q M D"],
    value: Float[Tensor, "B S M D"],
    level_shapes: LevelShapes,
    sampling_locations: Float[Tensor, "B Q M L P 2"],
    attention_weights: Float[Tensor, "B Q M L P"],
) -> Float[Tensor, "B S M D"]:
    """What reaches each cell, level by level, to keep temporaries small."""
    grad_value = torch.zeros_like(value, memory_format=torch.contiguous_format)
    maps = torch.split(grad_value, [height * width for height, width in level_shapes], dim=1)
    for level, shape in enumerate(level_shapes):
        _add_to_map(
            maps[level].view(len(value), *shape, *value.shape[2:]),
            grads.reshape(-1, grads.shape[-1]),
            sampling_locations[:, :, :, level],
            attention_weights[:, :, :, level],
        )
    return grad_value


def _add_to_map(
    level_map: Float[Tensor, "B H W M D"],
    grads: Float[Tensor, "N D"],
    locations: Float[Tensor, "B Q M P 2"],
    weights: Float[Tensor, "B Q M P"],
) -> None:
    """A cell is a bag too: of the queries that look at it.

    Samples are sorted by the cell before them. Its four bags, one for each corner's weights, then
    go to the four cells around: the same sums, shifted.
    """
    batch_size, height, width, num_heads, num_channels = level_map.shape
    ones = level_map.new_ones(num_heads, locations.shape[3])
    x = _Axis.of(locations[..., 0], ones * width)
    y = _Axis.of(locations[..., 1], ones * height)
    # The cell before a sample is never in the last row or column, if there are several.
    rows, columns = max(height - 1, 1), max(width - 1, 1)
    images = torch.arange(batch_size, dtype=torch.int32, device=grads.device)[:, None, None, None]
    heads = torch.arange(num_heads, dtype=torch.int32, device=grads.device)[:, None]
    cells = ((images * rows + y.cell) * columns + x.cell) * num_heads + heads
    sorted_cells, order = cells.flatten().sort(stable=True)
    counts = torch.bincount(sorted_cells, minlength=batch_size * rows * columns * num_heads)
    corner_weights = _corner_weights(x, y, weights)
    queries = order // locations.shape[3]
    for corner, (down, right) in enumerate(((0, 0), (0, 1), (1, 0), (1, 1))):
        if down < height and right < width:
            sums = F.embedding_bag(
                queries,
                grads,
                counts.cumsum(0) - counts,
                mode="sum",
                per_sample_weights=corner_weights[..., corner, :].flatten()[order],
            )
            target = level_map[:, down : down + rows, right : right + columns]
            target += sums.view(batch_size, rows, columns, num_heads, num_channels)


def _chunks(num_queries: int) -> Iterator[slice]:
    for start in range(0, num_queries, QUERIES_AT_ONCE):
        yield slice(start, start + QUERIES_AT_ONCE)
