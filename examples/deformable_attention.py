"""Deformable attention step by step: one query by hand, then what the whole operator answers.

Run: `python examples/deformable_attention.py` - or cell by cell, where an editor knows `# %%`.
"""

# %% A small layer with random weights, two levels, and one query
import torch

from trackformer.figures.demo_run import DemoRun
from trackformer.models.deformable_attention import DeformableAttention
from trackformer.models.ms_deform_attn.attention import ms_deform_attn

torch.set_num_threads(1)
torch.manual_seed(0)
HEADS, LEVELS, POINTS, CHANNELS = 2, 2, 3, 8
layer = DeformableAttention(CHANNELS, HEADS, LEVELS, POINTS, "width_height").eval()
shapes = ((4, 6), (2, 3))
tokens = torch.randn(1, 4 * 6 + 2 * 3, CHANNELS)
query = torch.randn(1, 1, CHANNELS)
reference = torch.tensor([0.5, 0.4]).expand(1, 1, LEVELS, 2)

# %% Where it reads, and with which weights: two linear projections of the query alone
offsets = layer.sampling_offsets(query).view(HEADS, LEVELS, POINTS, 2)
weights = layer.attention_weights(query).view(HEADS, -1).softmax(-1).view(HEADS, LEVELS, POINTS)
cells = torch.tensor([[width, height] for height, width in shapes])
places = reference[0, 0, None, :, None] + offsets / cells[None, :, None]
print(
    "points",
    HEADS * LEVELS * POINTS,
    "- of",
    len(tokens[0]),
    "cells; weights of head 1 sum to",
    end=" ",
)
print(f"{weights[0].sum():.2f}")


# %% The sum of the equation, one head, level and point after the other
def sample(level_map: torch.Tensor, x: float, y: float) -> torch.Tensor:
    """Bilinear: the four cells whose centres are around a place, zeros beyond the map."""
    height, width = level_map.shape[:2]
    column, row = x * width - 0.5, y * height - 0.5
    left, top = int(column // 1), int(row // 1)
    total = torch.zeros(level_map.shape[2])
    for r, c in ((top, left), (top, left + 1), (top + 1, left), (top + 1, left + 1)):
        if 0 <= r < height and 0 <= c < width:
            total = total + (1 - abs(row - r)) * (1 - abs(column - c)) * level_map[r, c]
    return total


value = layer.value(tokens)[0].view(-1, HEADS, CHANNELS // HEADS)
maps = [
    part.view(*shape, HEADS, -1) for part, shape in zip(value.split((24, 6)), shapes, strict=True)
]
by_hand = torch.cat(
    [
        sum(
            weights[head, level, point]
            * sample(maps[level][:, :, head], *places[head, level, point].tolist())
            for level in range(LEVELS)
            for point in range(POINTS)
        )
        for head in range(HEADS)
    ]
)

# %% The operator says the same
at_once = ms_deform_attn(value[None], shapes, places[None, None], weights[None, None])[0, 0]
print(f"largest difference {(by_hand - at_once).abs().max():.6f}")

# %% On a real frame: how much of all cells the queries of the bundled model read
made = DemoRun().answered(30)
num_points = int((made.looks.weights[0][0] > 0).sum())
print(
    f"a query of nano reads {num_points} points of {made.memory.tokens.shape[1]} cells in a layer"
)
