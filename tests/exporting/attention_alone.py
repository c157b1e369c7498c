"""Deformable attention over two maps of any size, and nothing else, as a file."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from trackformer.exporting.gathered_attention import gathered_ms_deform_attn
from trackformer.exporting.onnx_attention import OPSET
from trackformer.models.ms_deform_attn.attention import ms_deform_attn

NAMES = ("fine", "coarse", "places", "weights")


class Attention(nn.Module):
    """Two maps become the two levels."""

    def forward(self, fine: Tensor, coarse: Tensor, places: Tensor, weights: Tensor) -> Tensor:
        sides = tuple((each.shape[1], each.shape[2]) for each in (fine, coarse))
        value = torch.cat([each.flatten(1, 2) for each in (fine, coarse)], dim=1)
        return ms_deform_attn(value, sides, places, weights)


def inputs(batch: int, side: int, queries: int) -> tuple[Tensor, ...]:
    """Two heads of three channels, four points; a quarter of the points lies beyond the map."""
    generator = torch.Generator().manual_seed(side)

    def random(*shape: int) -> Tensor:
        return torch.rand((batch, *shape), generator=generator)

    maps = random(side, side + 3, 2, 3), random(side // 2, side // 2 + 1, 2, 3)
    return *maps, random(queries, 2, 2, 4, 2) * 1.3 - 0.15, random(queries, 2, 2, 4)


def write_gathered(path: Path) -> None:
    """The form without GridSample."""
    anything = torch.export.Dim.DYNAMIC
    maps, queries = dict.fromkeys((0, 1, 2), anything), dict.fromkeys((0, 1), anything)
    program = torch.export.export(
        Attention().eval(), inputs(2, 6, 5), dynamic_shapes=(maps, maps, queries, queries)
    )
    attention = torch.ops.trackformer.ms_deform_attn.default
    made = torch.onnx.export(
        program,
        dynamo=True,
        verbose=False,
        opset_version=OPSET,
        custom_translation_table={attention: gathered_ms_deform_attn},
        input_names=NAMES,
    )
    assert made is not None
    made.save(path)
