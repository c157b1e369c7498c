"""What trackers and detectors of video ask of a model, whoever computes the answers."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from trackformer.models.settings import ModelSettings
from trackformer.types import (
    FrameFeatures,
    Images,
    Memory,
    ModelOutput,
    ProposalBoxes,
    TrackQueries,
)


@runtime_checkable
class FrameModel(Protocol):
    """A `TrackFormer`, or what was exported of one."""

    settings: ModelSettings

    @property
    def device(self) -> torch.device:
        """Where it wants its inputs."""
        ...

    @property
    def embedding_size(self) -> int:
        """C, the width of a track query."""
        ...

    @property
    def predicts_masks(self) -> bool:
        """Whether `masks_of` may be asked."""
        ...

    def fingerprint(self) -> str:
        """The same text for the same weights and settings only (`models/fingerprint.py`)."""
        ...

    def __call__(
        self,
        images: Images,
        track_queries: TrackQueries | None = None,
        previous: FrameFeatures | None = None,
        proposed: ProposalBoxes | None = None,
    ) -> ModelOutput:
        """Detect, and track if there are track queries; see `TrackFormer.forward`."""
        ...

    def masks_of(
        self, memory: Memory, embeddings: Float[Tensor, "B Q C"], chosen: Bool[Tensor, "B Q"]
    ) -> Float[Tensor, "R h w"]:
        """Mask logits of the R chosen queries; see `TrackFormer.masks_of`."""
        ...
