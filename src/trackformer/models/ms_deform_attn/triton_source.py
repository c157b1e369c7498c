"""What the Triton kernels compute; imported only where Triton is installed.

A program takes neighbouring queries of one image and one head, so that what they see lies close
together. Lanes side by side share a row of `value`; beside them others do the same for the next
point of the level. Levels and the four cells around a point are loops. A row that is wider than its
lanes reach comes in two or three parts. `triton_kernels` says how many of each there are.

Offsets within an image are 32-bit integers, unless the image is too large for them (WIDE). Only
`tl.constexpr` may be annotated: the compiler evaluates all annotations, and knows no other names.
"""

from __future__ import annotations

from typing import no_type_check

import triton
import triton.language as tl


@no_type_check
@triton.jit
def axis(relative, size):
    """Along x or y: the cell before a location, and the location's distance from its centre.

    The cell may lie outside the map.
    """
    position = relative.to(tl.float32) * size - 0.5
    # Far outside is as good as just outside, and fits an integer; so is what is not a number.
    position = tl.minimum(tl.where(position > -2.0, position, -2.0), size + 1.0)
    floor = tl.floor(position)
    return floor.to(tl.int32), position - floor


@no_type_check
@triton.jit
def samples_of(locations, weights, levels, level, sample, is_sample):
    """A level's height, width and first token; x and y as by `axis`, and weights of samples."""
    height, width = tl.load(levels + level * 3), tl.load(levels + level * 3 + 1)
    x, right = axis(tl.load(locations + sample * 2, is_sample, 0.0), width)
    y, lower = axis(tl.load(locations + sample * 2 + 1, is_sample, 0.0), height)
    weight = tl.load(weights + sample, is_sample, 0.0).to(tl.float32)
    return height, width, tl.load(levels + level * 3 + 2), x, right, y, lower, weight


@no_type_check
@triton.jit
def on_map(cell, size):
    """Whether a row or column of cells is one of the map's."""
    return (cell >= 0) & (cell < size)


@no_type_check
@triton.jit
def share_of(corner: tl.constexpr, right, lower):
    """By how much each axis weighs one of the four cells around a point."""
    by_x = right if corner % 2 == 1 else 1.0 - right
    by_y = lower if corner // 2 == 1 else 1.0 - lower
    return by_x, by_y


@no_type_check
@triton.jit
def of_part(exists, channel, PART: tl.constexpr, WIDTH: tl.constexpr, CHANNELS: tl.constexpr):
    """Which channels there are in a part of each row."""
    exists = exists[:, :, None]
    if (PART + 1) * WIDTH > CHANNELS:
        exists = exists & (channel + PART * WIDTH < CHANNELS)[None, None, :]
    return exists


@no_type_check
@triton.jit
def read(rows, exists, channel, PART: tl.constexpr, WIDTH: tl.constexpr, CHANNELS: tl.constexpr):
    """A part of each row; zeros for rows that do not exist."""
    here = of_part(exists, channel, PART, WIDTH, CHANNELS)
    return tl.load(rows + PART * WIDTH, here, 0.0).to(tl.float32)


# The number of queries changes with every frame: kernels specialised on some of them would be
# compiled in the middle of a stream.
@no_type_check
@triton.jit(do_not_specialize=["num_queries", "num_tokens"])
def forward_kernel(
    value,
    locations,
    weights,
    output,
    levels,
    num_queries,
    num_tokens,
    HEADS: tl.constexpr,
    CHANNELS: tl.constexpr,
    LEVELS: tl.constexpr,
    POINTS: tl.constexpr,
    QUERIES: tl.constexpr,
    PLACES: tl.constexpr,
    WIDTH: tl.constexpr,
    PARTS: tl.constexpr,
    WIDE: tl.constexpr,
):
    """Weighted sums of bilinear samples."""
    token: tl.constexpr = HEADS * CHANNELS
    head, image = tl.program_id(0) % HEADS, tl.program_id(1).to(tl.int64)
    query = tl.program_id(0) // HEADS * QUERIES + tl.arange(0, QUERIES)
    channel, point = tl.arange(0, WIDTH), tl.arange(0, PLACES)
    is_query = query < num_queries
    is_sample = is_query[:, None] & (point < POINTS)[None, :]
    if WIDE:
        query, channel = query.to(tl.int64), channel.to(tl.int64)
    first = image * num_queries * HEADS + head
    value += image * num_tokens * token + head * CHANNELS
    locations += first * (LEVELS * POINTS * 2)
    weights += first * (LEVELS * POINTS)
    sample = query[:, None] * (HEADS * LEVELS * POINTS) + point[None, :]
    total0 = tl.zeros((QUERIES, PLACES, WIDTH), dtype=tl.float32)
    total1, total2 = total0, total0
    for level in range(LEVELS):
        height, width, start, x, right, y, lower, weight = samples_of(
            locations, weights, levels, level, sample, is_sample
        )
        places = (start + y * width + x)[:, :, None] * token + channel[None, None, :]
        for corner in tl.static_range(4):
            by_x, by_y = share_of(corner, right, lower)
            share = (weight * by_x * by_y)[:, :, None]
            exists = on_map(x + corner % 2, width) & on_map(y + corner // 2, height) & is_sample
            rows = value + places + (corner // 2 * width + corner % 2) * token
            total0 += share * read(rows, exists, channel, 0, WIDTH, CHANNELS)
            if PARTS > 1:
                total1 += share * read(rows, exists, channel, 1, WIDTH, CHANNELS)
            if PARTS > 2:
                total2 += share * read(rows, exists, channel, 2, WIDTH, CHANNELS)
        sample += POINTS
    rows = output + first * CHANNELS + query[:, None] * token + channel[None, :]
    for part in tl.static_range(PARTS):
        total = total0 if part == 0 else (total1 if part == 1 else total2)
        exists = is_query[:, None] & (channel + part * WIDTH < CHANNELS)[None, :]
        attended = tl.sum(total, axis=1).to(output.dtype.element_ty)
        tl.store(rows + part * WIDTH, attended, exists)


@no_type_check
@triton.jit(do_not_specialize=["num_queries", "num_tokens"])
def backward_kernel(
    value,
    locations,
    weights,
    grad_output,
    grad_value,
    grad_locations,
    grad_weights,
    levels,
    num_queries,
    num_tokens,
    HEADS: tl.constexpr,
    CHANNELS: tl.constexpr,
    LEVELS: tl.constexpr,
    POINTS: tl.constexpr,
    QUERIES: tl.constexpr,
    PLACES: tl.constexpr,
    WIDTH: tl.constexpr,
    PARTS: tl.constexpr,
    WIDE: tl.constexpr,
):
    """Gradients; many queries may add to one cell, so that is atomic."""
    token: tl.constexpr = HEADS * CHANNELS
    head, image = tl.program_id(0) % HEADS, tl.program_id(1).to(tl.int64)
    query = tl.program_id(0) // HEADS * QUERIES + tl.arange(0, QUERIES)
    channel, point = tl.arange(0, WIDTH), tl.arange(0, PLACES)
    is_query = (query < num_queries)[:, None]
    is_sample = is_query & (point < POINTS)[None, :]
    if WIDE:
        query, channel = query.to(tl.int64), channel.to(tl.int64)
    first = image * num_queries * HEADS + head
    row, pair = image * num_tokens * token + head * CHANNELS, first * (LEVELS * POINTS * 2)
    value, grad_value = value + row, grad_value + row
    locations, grad_locations = locations + pair, grad_locations + pair
    weights, grad_weights = weights + pair // 2, grad_weights + pair // 2
    sample = query[:, None] * (HEADS * LEVELS * POINTS) + point[None, :]
    rows = grad_output + first * CHANNELS + query[:, None, None] * token + channel[None, None, :]
    grad0 = read(rows, is_query, channel, 0, WIDTH, CHANNELS)
    grad1 = read(rows, is_query, channel, 1, WIDTH, CHANNELS) if PARTS > 1 else grad0
    grad2 = read(rows, is_query, channel, 2, WIDTH, CHANNELS) if PARTS > 2 else grad0
    for level in range(LEVELS):
        height, width, start, x, right, y, lower, weight = samples_of(
            locations, weights, levels, level, sample, is_sample
        )
        places = (start + y * width + x)[:, :, None] * token + channel[None, None, :]
        by_weight = tl.zeros((QUERIES, PLACES), dtype=tl.float32)
        by_column, by_row = by_weight, by_weight
        for corner in tl.static_range(4):
            by_x, by_y = share_of(corner, right, lower)
            share = (weight * by_x * by_y)[:, :, None]
            exists = on_map(x + corner % 2, width) & on_map(y + corner // 2, height) & is_sample
            cells = places + (corner // 2 * width + corner % 2) * token
            products = tl.zeros((QUERIES, PLACES, WIDTH), dtype=tl.float32)
            for part in tl.static_range(PARTS):
                grad = grad0 if part == 0 else (grad1 if part == 1 else grad2)
                here = of_part(exists, channel, part, WIDTH, CHANNELS)
                # Relaxed: nobody reads the sums in this kernel, and a fence costs more than a sum.
                tl.atomic_add(grad_value + cells + part * WIDTH, share * grad, here, sem="relaxed")
                products += grad * read(value + cells, exists, channel, part, WIDTH, CHANNELS)
            product = tl.sum(products, axis=2)
            by_weight += by_x * by_y * product
            by_column += by_y * product if corner % 2 == 1 else -by_y * product
            by_row += by_x * product if corner // 2 == 1 else -by_x * product
        tl.store(grad_weights + sample, by_weight, is_sample)
        tl.store(grad_locations + sample * 2, weight * width * by_column, is_sample)
        tl.store(grad_locations + sample * 2 + 1, weight * height * by_row, is_sample)
        sample += POINTS
