"""Multi-scale deformable attention in ONNX's operators; what `ms_deform_attn` computes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from onnxscript import opset20

# Any: what the operators take is known when a graph is built only.
op: Any = opset20
OPSET: Final = 20
"""The first whose GridSample is called "linear"; onnxruntime knows it since 1.17."""


# Any: values of a graph that is being built, or Python's numbers where they are known.
def onnx_ms_deform_attn(
    value: Any,
    level_sides: Sequence[Any],
    sampling_locations: Any,
    attention_weights: Any,
    _implementation: str,
) -> Any:
    """The nodes in place of one call of `trackformer::ms_deform_attn`.

    Args:
        value: B S M D.
        level_sides: Height and width of every level in turn.
        sampling_locations: B Q M L P 2.
        attention_weights: B Q M L P.
        _implementation: Means nothing here.
    """
    num_heads, num_channels = value.shape[2:]
    num_levels, num_points = attention_weights.shape[3:]
    num_queries = op.Shape(sampling_locations, start=1, end=2)
    tokens = op.Transpose(value, perm=[0, 2, 3, 1])
    # GridSample spans [-1, 1]; level by level, and heads as if they were images.
    grids = op.Transpose(op.Sub(op.Mul(sampling_locations, 2.0), 1.0), perm=[3, 0, 2, 1, 4, 5])
    samples = []
    end = lengths(0)
    for level, (height, width) in enumerate(zip(level_sides[::2], level_sides[1::2], strict=True)):
        start, end = end, op.Add(end, op.Mul(lengths(height), lengths(width)))
        samples.append(
            op.GridSample(
                op.Reshape(
                    op.Slice(tokens, start, end, [3]), lengths(-1, num_channels, height, width)
                ),
                op.Reshape(
                    op.Gather(grids, level, axis=0), lengths(-1, num_queries, num_points, 2)
                ),
                mode="linear",
                padding_mode="zeros",
                align_corners=0,
            )
        )
    weights = op.Reshape(
        op.Transpose(attention_weights, perm=[0, 2, 1, 3, 4]),
        lengths(-1, 1, num_queries, num_levels * num_points),
    )
    attended = op.ReduceSum(op.Mul(op.Concat(*samples, axis=3), weights), [3], keepdims=0)
    heads_joined = op.Reshape(attended, [-1, num_heads * num_channels, 0])
    return op.Transpose(heads_joined, perm=[0, 2, 1])


def lengths(*sides: Any) -> Any:
    """Lengths as one list, each known or a value of the graph."""
    known = [
        op.Constant(value_ints=[side]) if isinstance(side, int) else op.Reshape(side, [1])
        for side in sides
    ]
    return op.Concat(*known, axis=0) if len(known) > 1 else known[0]
