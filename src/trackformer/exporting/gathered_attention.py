"""Multi-scale deformable attention in ONNX without GridSample: cells gathered, then weighted sums.

For runtimes that compile GridSample wrongly within such attention, as TensorRT is known to, or have
none. onnxruntime takes longer for it (`docs/deploy.md`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from trackformer.exporting.onnx_attention import lengths, op

FLOAT: Final = 1
INT64: Final = 7


@dataclass(frozen=True, slots=True)
class Neighbour:
    """The cell before or behind every point along one axis; both B M Q L*P."""

    # Any: values of a graph that is being built.
    cell: Any
    """Where it lies, or the nearest cell of the level if it lies beyond."""
    share: Any
    """1 on the point, 0 a cell away or beyond the level."""


# Any: values of a graph that is being built, or Python's numbers where they are known.
def gathered_ms_deform_attn(
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
    num_samples = num_levels * num_points
    heights, widths = lengths(*level_sides[::2]), lengths(*level_sides[1::2])

    def of_points(numbers: Any) -> Any:
        """A level's number beside each of its points: L*P."""
        columns = op.Unsqueeze(op.Cast(numbers, to=FLOAT), [1])
        return op.Reshape(op.Expand(columns, [num_levels, num_points]), [num_samples])

    def by_query(numbers: Any) -> Any:
        return op.Reshape(
            op.Transpose(numbers, perm=[0, 2, 1, 3, 4]), [0, num_heads, -1, num_samples]
        )

    across, down = (
        _neighbours(by_query(op.Gather(sampling_locations, axis, axis=5)), of_points(sides))
        for axis, sides in enumerate((widths, heights))
    )
    starts = of_points(op.CumSum(op.Mul(heights, widths), 0, exclusive=1))
    attention, width = by_query(attention_weights), of_points(widths)
    cells, weights = [], []
    for row in down:
        first, share = op.Add(op.Mul(row.cell, width), starts), op.Mul(row.share, attention)
        cells += [op.Add(first, column.cell) for column in across]
        weights += [op.Mul(share, column.share) for column in across]
    asked = op.Reshape(op.Concat(*cells, axis=-1), [0, num_heads, -1, 1])
    tokens = op.Transpose(value, perm=[0, 2, 1, 3])
    samples = op.GatherND(tokens, op.Cast(asked, to=INT64), batch_dims=2)
    samples = op.Reshape(samples, [0, num_heads, -1, 4 * num_samples, num_channels])
    attended = op.MatMul(op.Unsqueeze(op.Concat(*weights, axis=-1), [3]), samples)
    heads_last = op.Transpose(op.Squeeze(attended, [3]), perm=[0, 2, 1, 3])
    return op.Reshape(heads_last, [0, 0, num_heads * num_channels])


def _neighbours(places: Any, sides: Any) -> tuple[Neighbour, Neighbour]:
    """Of points along one axis.

    Args:
        places: B M Q L*P, as shares of the level's side.
        sides: L*P, cells of the level; they lie at halves.
    """
    exact = op.Sub(op.Mul(places, sides), 0.5)
    before = op.Floor(exact)
    beyond = op.Sub(exact, before)
    last = op.Sub(sides, 1.0)

    def neighbour(cell: Any, share: Any) -> Neighbour:
        inside = op.Max(op.Min(cell, last), 0.0)
        return Neighbour(inside, op.Mul(share, op.Cast(op.Equal(inside, cell), to=FLOAT)))

    return neighbour(before, op.Sub(1.0, beyond)), neighbour(op.Add(before, 1.0), beyond)
