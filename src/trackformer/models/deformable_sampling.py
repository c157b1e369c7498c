"""Two ways to take the weighted bilinear samples of deformable attention: reference and fast.

Both have the same contract: Σ over levels and points of weight times the bilinear sample of
`value`, heads side by side; zeros beyond a map, cell centres at half-integers.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

LevelShapes = tuple[tuple[int, int], ...]
"""(height, width) of each level."""
QUERIES_AT_ONCE = 2048
"""Rows and weights of this many queries stay in a CPU's cache."""


def sample_by_grid(
    value: Float[Tensor, "B S M _"],
    level_shapes: LevelShapes,
    sampling_locations: Float[Tensor, "B Q M L P 2"],
    attention_weights: Float[Tensor, "B Q M L P"],
) -> Float[Tensor, "B Q C"]:
    """The reference, by `grid_sample`: runs, differentiates and exports everywhere."""
    batch_size, _, num_heads, num_channels = value.shape
    maps = value.permute(0, 2, 3, 1).flatten(0, 1)
    level_maps = torch.split(maps, [height * width for height, width in level_shapes], dim=-1)
    # grid_sample spans [-1, 1].
    grids = (2 * sampling_locations - 1).to(value.dtype).transpose(1, 2).flatten(0, 1)
    weights = attention_weights.to(value.dtype).transpose(1, 2).flatten(0, 1)
    attended = torch.zeros((), dtype=value.dtype, device=value.device)
    for level, (level_map, shape) in enumerate(zip(level_maps, level_shapes, strict=True)):
        samples = F.grid_sample(
            level_map.reshape(*level_map.shape[:2], *shape),
            grids[:, :, level],
            mode="bilinear",
            padding_mode="zeros",
            align_corners=False,
        )
        attended = attended + (samples * weights[:, None, :, level]).sum(-1)
    heads_joined = attended.reshape(batch_size, num_heads * num_channels, attended.shape[-1])
    return heads_joined.transpose(1, 2)


def sample_by_bags(
    value: Float[Tensor, "B S M _"],
    level_shapes: LevelShapes,
    sampling_locations: Float[Tensor, "B Q M L P 2"],
    attention_weights: Float[Tensor, "B Q M L P"],
) -> Float[Tensor, "B Q C"]:
    """The same as one `embedding_bag`: a query's head sums 4 L P weighted rows of a table.

    Several times faster than the reference on a CPU, and without a tensor of all samples; meant
    for inference, as its gradient is slow.
    """
    table = value.flatten(0, 2)
    chunks = []
    for locations, weights in zip(
        torch.split(sampling_locations, QUERIES_AT_ONCE, dim=1),
        torch.split(attention_weights, QUERIES_AT_ONCE, dim=1),
        strict=True,
    ):
        rows, row_weights = _rows_and_weights(level_shapes, locations, weights, len(table))
        sums = F.embedding_bag(
            rows.flatten(0, 2).flatten(1),
            table,
            mode="sum",
            per_sample_weights=row_weights.flatten(0, 2).flatten(1).to(table.dtype),
        )
        chunks.append(sums.reshape(*locations.shape[:2], value.shape[2] * value.shape[3]))
    return torch.cat(chunks, dim=1)


def _rows_and_weights(
    level_shapes: LevelShapes,
    locations: Float[Tensor, "B Q M L P 2"],
    weights: Float[Tensor, "B Q M L P"],
    num_rows: int,
) -> tuple[Int[Tensor, "B Q M 4 L*P"], Float[Tensor, "B Q M 4 L*P"]]:
    """Which rows of the table (image, token, head) surround each location, and their weights."""
    batch_size, _, num_heads, _, num_points, _ = locations.shape
    # Constants are spelled out per head, level and point: broadcasting along a last axis of four
    # or so would cost more than the sampling itself.
    levels = torch.tensor(level_shapes, device=locations.device).repeat_interleave(num_points, 0)
    height, width = (side.expand(num_heads, -1).contiguous() for side in levels.unbind(-1))
    areas = torch.tensor([height * width for height, width in level_shapes], device=height.device)
    starts = (areas.cumsum(0) - areas).repeat_interleave(num_points)
    heads = torch.arange(num_heads, device=height.device)[:, None]
    images = torch.arange(batch_size, device=height.device) * (num_rows // batch_size)
    x, y = locations.flatten(3, 4).unbind(-1)
    column, left, right = _cell_and_weights(x, width)
    row, upper, lower = _cell_and_weights(y, height)

    corner = torch.addcmul(column, row, width) * num_heads
    corner = corner + (starts * num_heads + heads) + images[:, None, None, None]
    step_right = num_heads * (width > 1)
    step_down = num_heads * width * (height > 1)
    upper, lower = upper * weights.flatten(3), lower * weights.flatten(3)
    next_row = corner + step_down
    return (
        torch.stack([corner, corner + step_right, next_row, next_row + step_right], dim=3),
        torch.stack([upper * left, upper * right, lower * left, lower * right], dim=3),
    )


def _cell_and_weights(
    relative: Float[Tensor, "B Q M LP"], size: Int[Tensor, "M LP"]
) -> tuple[Int[Tensor, "B Q M LP"], Float[Tensor, "B Q M LP"], Float[Tensor, "B Q M LP"]]:
    """Along one axis: the cell before a location, its weight and the next cell's weight."""
    position = relative * size - 0.5
    # Moved inside so that the next cell exists as well: the tent weights are 0 for a cell that
    # does not surround the location. On maps of one cell there is no next one.
    cell = torch.minimum(position.floor().clamp_(min=0), (size - 2).clamp(min=0).to(position))
    distance = position - cell
    weight = (1 - distance.abs()).clamp_(min=0)
    next_weight = (1 - (distance - 1).abs()).clamp_(min=0) * (size > 1)
    # A location that is not a number must not become an address outside the table.
    return cell.long().clamp_(min=0), weight, next_weight
