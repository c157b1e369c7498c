"""A model around another one: what a kind does not do its own way, the inner model does."""

from __future__ import annotations

from typing import Generic, TypeVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from trackformer.models.frame_model import FrameModel
from trackformer.types import Memory

InnerModel = TypeVar("InnerModel", bound=FrameModel)


class WrappedModel(Generic[InnerModel]):
    """All of a `FrameModel` but its answers, which are the kind's own."""

    def __init__(self, model: InnerModel) -> None:
        self.settings = model.settings
        self._inner = model

    @property
    def device(self) -> torch.device:
        """The inner model's."""
        return self._inner.device

    @property
    def embedding_size(self) -> int:
        """The inner model's."""
        return self._inner.embedding_size

    @property
    def predicts_masks(self) -> bool:
        """The inner model's."""
        return self._inner.predicts_masks

    def fingerprint(self) -> str:
        """The inner model's."""
        return self._inner.fingerprint()

    def masks_of(
        self, memory: Memory, embeddings: Float[Tensor, "B Q C"], chosen: Bool[Tensor, "B Q"]
    ) -> Float[Tensor, "R h w"]:
        """The inner model's."""
        return self._inner.masks_of(memory, embeddings, chosen)
