"""What the loss saw of one frame of a training step, for whoever wants to look at it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from jaxtyping import Int
from torch import Tensor

from trackformer.types import Images, ModelOutput, Target, TrackQueries


@dataclass(frozen=True, slots=True, eq=False)
class ObservedFrame:
    """One frame of a batch of clips: what was asked, what was answered, what was wanted."""

    images: Images
    targets: tuple[Target, ...]
    queries: TrackQueries | None
    """The track queries, as asked; None: nothing was carried."""
    output: ModelOutput
    target_index: Int[Tensor, "D B Q"]
    """What each query had to predict (see `matching.match`)."""


Observer = Callable[[ObservedFrame], None]
