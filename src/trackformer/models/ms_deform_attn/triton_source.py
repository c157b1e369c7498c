"""What the Triton kernels compute; imported only where Triton is installed.

A program takes some items (image, query, head) and all their channels; levels and points are loops.
"""

from __future__ import annotations

from typing import Any, no_type_check

import triton
import triton.language as tl


@no_type_check
@triton.jit
def axis(relative: Any, size: Any) -> Any:
    """Along x or y: the cell before a location, and the location's distance from its centre.

    The cell may lie outside the map.
    """
    position = relative * size - 0.5
    # Far outside is as good as just outside, and fits an integer; so is what is not a number.
    position = tl.minimum(tl.where(position > -2.0, position, -2.0), size + 1.0)
    cell = tl.floor(position)
    return cell.to(tl.int32), position - cell


@no_type_check
@triton.jit
def forward_kernel(
    value: Any,
    locations: Any,
    weights: Any,
    output: Any,
    levels: Any,
    num_items: Any,
    num_queries: Any,
    num_tokens: Any,
    HEADS: tl.constexpr,
    CHANNELS: tl.constexpr,
    LEVELS: tl.constexpr,
    POINTS: tl.constexpr,
    ITEMS: tl.constexpr,
    LANES: tl.constexpr,
) -> None:
    """Weighted sums of bilinear samples."""
    item = tl.program_id(0).to(tl.int64) * ITEMS + tl.arange(0, ITEMS)
    channel = tl.arange(0, LANES)
    is_item, is_channel = item < num_items, channel < CHANNELS
    first_row = (item // (num_queries * HEADS)) * num_tokens * HEADS + item % HEADS
    total = tl.zeros((ITEMS, LANES), dtype=tl.float32)
    for level in range(LEVELS):
        height = tl.load(levels + level * 3)
        width = tl.load(levels + level * 3 + 1)
        start = tl.load(levels + level * 3 + 2)
        for point in range(POINTS):
            sample = (item * LEVELS + level) * POINTS + point
            x, right = axis(tl.load(locations + sample * 2, is_item, 0.0).to(tl.float32), width)
            y, lower = axis(
                tl.load(locations + sample * 2 + 1, is_item, 0.0).to(tl.float32), height
            )
            weight = tl.load(weights + sample, is_item, 0.0).to(tl.float32)
            for corner in tl.static_range(4):
                column = x + corner % 2
                row = y + corner // 2
                inside = (column >= 0) & (column < width) & (row >= 0) & (row < height) & is_item
                by_x = right if corner % 2 == 1 else 1.0 - right
                by_y = lower if corner // 2 == 1 else 1.0 - lower
                place = first_row + (start + row * width + column).to(tl.int64) * HEADS
                seen = tl.load(
                    value + place[:, None] * CHANNELS + channel[None, :],
                    inside[:, None] & is_channel[None, :],
                    0.0,
                )
                total += (weight * by_x * by_y)[:, None] * seen.to(tl.float32)
    tl.store(
        output + item[:, None] * CHANNELS + channel[None, :],
        total.to(output.dtype.element_ty),
        is_item[:, None] & is_channel[None, :],
    )


@no_type_check
@triton.jit
def backward_kernel(
    value: Any,
    locations: Any,
    weights: Any,
    grad_output: Any,
    grad_value: Any,
    grad_locations: Any,
    grad_weights: Any,
    levels: Any,
    num_items: Any,
    num_queries: Any,
    num_tokens: Any,
    HEADS: tl.constexpr,
    CHANNELS: tl.constexpr,
    LEVELS: tl.constexpr,
    POINTS: tl.constexpr,
    ITEMS: tl.constexpr,
    LANES: tl.constexpr,
) -> None:
    """Gradients; many items may add to one cell, so that is atomic."""
    item = tl.program_id(0).to(tl.int64) * ITEMS + tl.arange(0, ITEMS)
    channel = tl.arange(0, LANES)
    is_item, is_channel = item < num_items, channel < CHANNELS
    first_row = (item // (num_queries * HEADS)) * num_tokens * HEADS + item % HEADS
    grad = tl.load(
        grad_output + item[:, None] * CHANNELS + channel[None, :],
        is_item[:, None] & is_channel[None, :],
        0.0,
    ).to(tl.float32)
    for level in range(LEVELS):
        height = tl.load(levels + level * 3)
        width = tl.load(levels + level * 3 + 1)
        start = tl.load(levels + level * 3 + 2)
        for point in range(POINTS):
            sample = (item * LEVELS + level) * POINTS + point
            x, right = axis(tl.load(locations + sample * 2, is_item, 0.0).to(tl.float32), width)
            y, lower = axis(
                tl.load(locations + sample * 2 + 1, is_item, 0.0).to(tl.float32), height
            )
            weight = tl.load(weights + sample, is_item, 0.0).to(tl.float32)
            by_weight = tl.zeros((ITEMS,), dtype=tl.float32)
            by_column = tl.zeros((ITEMS,), dtype=tl.float32)
            by_row = tl.zeros((ITEMS,), dtype=tl.float32)
            for corner in tl.static_range(4):
                column = x + corner % 2
                row = y + corner // 2
                inside = (column >= 0) & (column < width) & (row >= 0) & (row < height) & is_item
                by_x = right if corner % 2 == 1 else 1.0 - right
                by_y = lower if corner // 2 == 1 else 1.0 - lower
                place = first_row + (start + row * width + column).to(tl.int64) * HEADS
                places = place[:, None] * CHANNELS + channel[None, :]
                exists = inside[:, None] & is_channel[None, :]
                seen = tl.load(value + places, exists, 0.0).to(tl.float32)
                product = tl.sum(seen * grad, axis=1)
                by_weight += by_x * by_y * product
                by_column += by_y * product if corner % 2 == 1 else -by_y * product
                by_row += by_x * product if corner // 2 == 1 else -by_x * product
                tl.atomic_add(grad_value + places, (weight * by_x * by_y)[:, None] * grad, exists)
            tl.store(grad_weights + sample, by_weight, is_item)
            tl.store(grad_locations + sample * 2, weight * width * by_column, is_item)
            tl.store(grad_locations + sample * 2 + 1, weight * height * by_row, is_item)
