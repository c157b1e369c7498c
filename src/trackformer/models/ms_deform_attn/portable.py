"""The portable way: sums of table rows by `embedding_bag`, forward and backward, in plain torch.

A sample is a weighted sum of the four cells around it, so a query's head is one weighted sum of
4 L P rows of `value`: a bag. No tensor of all samples is made. The backward is written by hand:
products of chosen rows (`sampled_addmm`) for locations and weights, bags of queries for the value;
nothing is added up by many threads at one place, so the same inputs give the same gradient.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from trackformer.models.ms_deform_attn.level_shapes import LevelShapes
from trackformer.models.ms_deform_attn.surroundings import (
    CORNERS,
    Axis,
    Grid,
    corner_steps,
    weigh_corners,
)

SAMPLES_AT_ONCE = 65_536
"""Rows and weights of this many samples stay in a processor's cache."""


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
    grid = Grid.of(value, level_shapes, sampling_locations.shape[4])
    # The largest tensors of a chunk have the same place in every chunk.
    chunks = list(_chunks(attention_weights))
    room = len(CORNERS) * max((attention_weights[:, each].numel() for each in chunks), default=0)
    all_rows, all_weights = grid.columns.new_empty(room), value.new_empty(room)
    for queries in chunks:
        chunk_weights = attention_weights[:, queries].flatten(3)
        shape = (*chunk_weights.shape[:3], len(CORNERS), chunk_weights.shape[3])
        size = len(CORNERS) * chunk_weights.numel()
        rows, weights = all_rows[:size].view(shape), all_weights[:size].view(shape)
        x, y = grid.axes(sampling_locations[:, queries].flatten(3, 4))
        grid.surrounding_rows(x, y, out=rows.unbind(-2))
        weigh_corners(x, y, chunk_weights, out=weights.unbind(-2))
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
    num_heads, num_channels = value.shape[2:]
    # A gradient that is one number expanded, of a sum, would be read the slow way by embedding_bag.
    grads = grad_output.contiguous().view(*grad_output.shape[:2], num_heads, num_channels)
    grad_value = torch.zeros_like(value, memory_format=torch.contiguous_format)
    grad_table = grad_value.view(-1, num_channels)
    grad_locations = torch.empty_like(sampling_locations, memory_format=torch.contiguous_format)
    grad_weights = torch.empty_like(attention_weights, memory_format=torch.contiguous_format)
    grid = Grid.of(value, level_shapes, sampling_locations.shape[4])
    # Level by level, so that what all queries leave for the value's gradient stays small.
    for level, shape in enumerate(level_shapes):
        cells, corner_weights = _differentiate_samples(
            grads,
            value,
            grid.of_level(level, sampling_locations.shape[4]),
            _Samples(sampling_locations[:, :, :, level], attention_weights[:, :, :, level]),
            _Samples(grad_locations[:, :, :, level], grad_weights[:, :, :, level]),
        )
        steps = corner_steps(*shape, num_heads)
        _add_to_rows(grad_table, grads.flatten(0, 2), cells, corner_weights, steps)
    return grad_value, grad_locations, grad_weights


class _Samples(NamedTuple):
    """Those of one level, or the gradients of both."""

    locations: Float[Tensor, "B Q M P 2"]
    weights: Float[Tensor, "B Q M P"]


def _differentiate_samples(
    grads: Float[Tensor, "B Q M D"],
    value: Float[Tensor, "B S M D"],
    grid: Grid,
    samples: _Samples,
    sample_grads: _Samples,
) -> tuple[Int[Tensor, "B Q M P"], Float[Tensor, "4 B Q M P"]]:
    """Fill in `sample_grads`; what is left for the value: each sample's row and corner weights."""
    table = value.reshape(-1, value.shape[3])
    cells = torch.empty(samples.weights.shape, dtype=grid.columns.dtype, device=value.device)
    corner_weights = value.new_empty((4, *samples.weights.shape))
    for queries in _chunks(samples.weights):
        weights = samples.weights[:, queries].contiguous()
        x, y = grid.axes(samples.locations[:, queries])
        # A plane for each corner: rows of four points or so would make short strides.
        rows = cells.new_empty((len(CORNERS), *weights.shape))
        grid.surrounding_rows(x, y, out=rows.unbind(0))
        weigh_corners(x, y, weights, out=corner_weights[:, :, queries].unbind(0))
        cells[:, queries] = rows[0]
        chunk_grads = grads[:, queries].reshape(-1, value.shape[3])
        dots = [
            _chosen_products(chunk_grads, table, corner.flatten(0, 2)).view(weights.shape)
            for corner in rows
        ]
        by_weight, by_x, by_y = _slopes(x, y, dots)
        sample_grads.weights[:, queries] = by_weight
        by_location = sample_grads.locations[:, queries]
        by_location[..., 0] = by_x.mul_(weights).mul_(grid.width)
        by_location[..., 1] = by_y.mul_(weights).mul_(grid.height)
    return cells, corner_weights


def _slopes(
    x: Axis, y: Axis, dots: Sequence[Float[Tensor, "B Q M K"]]
) -> tuple[Float[Tensor, "B Q M K"], Float[Tensor, "B Q M K"], Float[Tensor, "B Q M K"]]:
    """How the sum of products changes with a sample's attention weight, and with its x and y."""
    upper_left, upper_right, lower_left, lower_right = dots
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


def _add_to_rows(
    grad_table: Float[Tensor, "R D"],
    grads: Float[Tensor, "N D"],
    cells: Int[Tensor, "B Q M P"],
    corner_weights: Float[Tensor, "4 B Q M P"],
    steps: Sequence[int | None],
) -> None:
    """A cell is a bag too: of the queries that look at it.

    Samples are sorted by the row of the cell before them. Its four bags, one for each corner's
    weights, then go to the rows of the four cells around: the same bags, some steps further.
    """
    sorted_cells, order = cells.flatten().sort(stable=True)
    # Only cells that are looked at: of a few queries, nearly none.
    occupied, counts = torch.unique_consecutive(sorted_cells, return_counts=True)
    starts = counts.cumsum(0) - counts
    queries = order // cells.shape[3]
    sorted_weights = corner_weights.flatten(1).index_select(1, order)
    for step, weights in zip(steps, sorted_weights, strict=True):
        if step is not None:
            sums = F.embedding_bag(queries, grads, starts, mode="sum", per_sample_weights=weights)
            # The cell before a sample is never in the last row or column, if there are several.
            _add_once(grad_table, occupied + step, sums)


def _add_once(
    table: Float[Tensor, "R D"], rows: Int[Tensor, " N"], sums: Float[Tensor, "N D"]
) -> None:
    """Add to rows of which none comes twice: there is but one order."""
    if table.device.type == "cpu":
        # Twice as fast as index_add_, which on a GPU is the one that may be asked to be repeatable.
        table.scatter_add_(0, rows.long()[:, None].expand_as(sums), sums)
    else:
        table.index_add_(0, rows, sums)


def _chunks(attention_weights: Float[Tensor, "B Q *samples"]) -> Iterator[slice]:
    at_once = max(1, SAMPLES_AT_ONCE // max(1, attention_weights[:, :1].numel()))
    for start in range(0, attention_weights.shape[1], at_once):
        yield slice(start, start + at_once)
