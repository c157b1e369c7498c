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

SAMPLES_AT_ONCE = 131_072
"""Rows and weights of this many samples stay in a processor's cache."""
CORNERS = ((0, 0), (0, 1), (1, 0), (1, 1))
"""(down, right) from the cell before a sample to the four around it."""


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
    for queries in _chunks(attention_weights):
        x, y, rows = grid.surroundings(sampling_locations[:, queries].flatten(3, 4))
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
    batch_size, _, num_heads, num_channels = value.shape
    grads = grad_output.reshape(*grad_output.shape[:2], num_heads, num_channels)
    grad_value = torch.zeros_like(value, memory_format=torch.contiguous_format)
    grad_locations = torch.empty_like(sampling_locations, memory_format=torch.contiguous_format)
    grad_weights = torch.empty_like(attention_weights, memory_format=torch.contiguous_format)
    grid = _Grid.of(value, level_shapes, sampling_locations.shape[4])
    maps = torch.split(grad_value, [height * width for height, width in level_shapes], dim=1)
    # Level by level, so that what all queries leave for the value's gradient stays small.
    for level, (height, width) in enumerate(level_shapes):
        cells, corner_weights = _differentiate_samples(
            grads,
            value,
            grid.of_level(level, sampling_locations.shape[4]),
            _Samples(sampling_locations[:, :, :, level], attention_weights[:, :, :, level]),
            _Samples(grad_locations[:, :, :, level], grad_weights[:, :, :, level]),
        )
        level_map = maps[level].view(batch_size, height, width, num_heads, num_channels)
        _add_to_map(level_map, grads.flatten(0, 2), cells, corner_weights)
    return grad_value, grad_locations, grad_weights


class _Samples(NamedTuple):
    """Those of one level, or the gradients of both."""

    locations: Float[Tensor, "B Q M P 2"]
    weights: Float[Tensor, "B Q M P"]


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
        weight = (1 - distance.abs()).clamp_(min=0)
        next_weight = (1 - (distance - 1).abs_()).clamp_(min=0).mul_(has_next)
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
    first_cell: Int[Tensor, "B 1 M K"]
    """`first_row` if the table were that level's alone."""
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
            first_cell=images[:, None, None, None] * (height * width) * num_heads + heads,
            # A factor of another type would have every row converted twice.
            right=num_heads * (width > 1).to(numbers),
            below=num_heads * width * (height > 1).to(numbers),
        )

    def of_level(self, level: int, num_points: int) -> _Grid:
        points = slice(level * num_points, (level + 1) * num_points)
        return _Grid(*(each[..., points].contiguous() for each in self))

    def surroundings(
        self, locations: Float[Tensor, "B Q M K 2"]
    ) -> tuple[_Axis, _Axis, Int[Tensor, "B Q M 4 K"]]:
        """How locations lie between cells, and the table's rows of the four cells around each."""
        relative_x, relative_y = locations.unbind(-1)
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


def _differentiate_samples(
    grads: Float[Tensor, "B Q M D"],
    value: Float[Tensor, "B S M D"],
    grid: _Grid,
    samples: _Samples,
    sample_grads: _Samples,
) -> tuple[Int[Tensor, "B Q M P"], Float[Tensor, "4 B Q M P"]]:
    """Fill in `sample_grads`; what is left for the value: each sample's cell and corner weights."""
    table = value.reshape(-1, value.shape[3])
    cells = torch.empty(samples.weights.shape, dtype=grid.columns.dtype, device=value.device)
    corner_weights = value.new_empty((4, *samples.weights.shape))
    for queries in _chunks(samples.weights):
        weights = samples.weights[:, queries]
        x, y, rows = grid.surroundings(samples.locations[:, queries])
        torch.sub(rows[..., 0, :], grid.first_row - grid.first_cell, out=cells[:, queries])
        corner_weights[:, :, queries] = _corner_weights(x, y, weights).movedim(-2, 0)
        chunk_grads = grads[:, queries].reshape(-1, value.shape[3])
        dots = _chosen_products(chunk_grads, table, rows.flatten(0, 2).flatten(1)).view(rows.shape)
        by_weight, by_x, by_y = _slopes(x, y, dots)
        sample_grads.weights[:, queries] = by_weight
        by_location = sample_grads.locations[:, queries]
        torch.mul(by_x.mul_(weights), grid.width, out=by_location[..., 0])
        torch.mul(by_y.mul_(weights), grid.height, out=by_location[..., 1])
    return cells, corner_weights


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


def _add_to_map(
    level_map: Float[Tensor, "B H W M D"],
    grads: Float[Tensor, "N D"],
    cells: Int[Tensor, "B Q M P"],
    corner_weights: Float[Tensor, "4 B Q M P"],
) -> None:
    """A cell is a bag too: of the queries that look at it.

    Samples are sorted by the cell before them. Its four bags, one for each corner's weights, then
    go to the four cells around: the same sums, shifted.
    """
    height, width = level_map.shape[1:3]
    sorted_cells, order = cells.flatten().sort(stable=True)
    counts = torch.bincount(sorted_cells, minlength=level_map[..., 0].numel())
    queries = order // cells.shape[3]
    sorted_weights = corner_weights.flatten(1).index_select(1, order)
    for (down, right), weights in zip(CORNERS, sorted_weights, strict=True):
        if down < height and right < width:
            sums = F.embedding_bag(
                queries, grads, counts.cumsum(0) - counts, mode="sum", per_sample_weights=weights
            ).view(level_map.shape)
            # The cell before a sample is never in the last row or column, if there are several.
            level_map[:, down:, right:] += sums[:, : height - down, : width - right]


def _chunks(attention_weights: Float[Tensor, "B Q *samples"]) -> Iterator[slice]:
    at_once = max(1, SAMPLES_AT_ONCE // max(1, attention_weights[:, :1].numel()))
    for start in range(0, attention_weights.shape[1], at_once):
        yield slice(start, start + at_once)
