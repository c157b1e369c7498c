"""Where queries look: what a decoder's attention reads while it answers.

Deformable attention is one operator of torch here, and every other attention one function, so both
are seen as they are called: with any detector, optimised or not, and with the very numbers used.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from trackformer.models.trackformer import TrackFormer
from trackformer.types import Memory, ModelOutput, TrackQueries

OPERATOR: Final = "trackformer::ms_deform_attn"


@dataclass(frozen=True, slots=True, eq=False)
class SampledPoints:
    """What one decoder layer's deformable attention reads for one query."""

    points: Float[Tensor, "M L P 2"]
    """(x, y), relative to the image without its padding; may lie outside."""
    weights: Float[Tensor, "M L P"]
    """Of each head they add up to 1."""


@dataclass(frozen=True, slots=True, eq=False)
class Looks:
    """What the attention of every decoder layer reads, for a batch of one image."""

    to_queries: tuple[Float[Tensor, "M Q Q"], ...]
    """Weights of the queries' attention to one another: reader, then read."""
    locations: tuple[Float[Tensor, "Q M L P 2"], ...]
    """Of deformable attention; none in a DETR. Relative to the image without its padding."""
    weights: tuple[Float[Tensor, "Q M L P"], ...]
    maps: tuple[Float[Tensor, "M Q h w"], ...]
    """Weights of a DETR's attention to every cell; none where it is deformable."""

    def points_of(self, row: int) -> tuple[SampledPoints, ...]:
        """Where one query looks, layer by layer."""
        pairs = zip(self.locations, self.weights, strict=True)
        return tuple(SampledPoints(where[row], weight[row]) for where, weight in pairs)


def decode_watched(
    model: TrackFormer, memory: Memory, tracks: TrackQueries
) -> tuple[ModelOutput, Looks]:
    """`TrackFormer.decode` for one image, and what its attention read."""
    watch = _Watch()
    with torch.inference_mode(), _Functions(watch), _Operators(watch):
        output = model.decode(memory, tracks)
    num_queries = output.boxes.shape[2]
    own = [weights for weights in watch.dense if weights.shape[-1] == num_queries]
    seen = [weights for weights in watch.dense if weights.shape[-1] != num_queries]
    ratios = memory.valid_ratios[0][:, None]
    height, width = memory.level_shapes[0]
    return output, Looks(
        to_queries=tuple(own),
        locations=tuple(locations / ratios for locations, _ in watch.sampled),
        weights=tuple(weights for _, weights in watch.sampled),
        maps=tuple(weights.view(*weights.shape[:-1], height, width) for weights in seen),
    )


@dataclass(slots=True)
class _Watch:
    dense: list[Tensor] = field(default_factory=list)
    sampled: list[tuple[Tensor, Tensor]] = field(default_factory=list)


class _Functions(TorchFunctionMode):
    """Sees dense attention."""

    def __init__(self, watch: _Watch) -> None:
        super().__init__()
        self._watch = watch

    # Any: functions of torch, and what they take and answer.
    def __torch_function__(
        self,
        function: Callable[..., Any],
        _types: Sequence[Any],
        args: Any = (),
        kwargs: Any = None,
    ) -> Any:
        """Runs the function."""
        kwargs = kwargs or {}
        if function is F.scaled_dot_product_attention:
            self._watch.dense.append(_weights(*args, **kwargs))
        return function(*args, **kwargs)


def _weights(
    query: Float[Tensor, "1 M Q D"],
    key: Float[Tensor, "1 M S D"],
    _value: Tensor,
    attn_mask: Tensor | None = None,
    *_others: object,
    **_named: object,
) -> Float[Tensor, "M Q S"]:
    """What `scaled_dot_product_attention` multiplies the values by (Vaswani 2017, equation 1)."""
    logits = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5
    if attn_mask is not None:
        is_visible = attn_mask.dtype == torch.bool
        logits = logits.masked_fill(~attn_mask, -torch.inf) if is_visible else logits + attn_mask
    weights: Float[Tensor, "M Q S"] = logits.softmax(-1)[0]
    return weights


class _Operators(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Sees deformable attention."""

    def __init__(self, watch: _Watch) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._watch = watch

    def __torch_dispatch__(
        self, operator: Any, _types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Runs the operator."""
        if operator.name() == OPERATOR:
            _, _, locations, weights, _ = args
            self._watch.sampled.append((locations[0].clone(), weights[0].clone()))
        return operator(*args, **(kwargs or {}))
