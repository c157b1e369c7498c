"""A model that is asked for some of its classes only."""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Bool
from torch import Tensor

from trackformer.models.frame_model import FrameModel
from trackformer.models.wrapped_model import WrappedModel
from trackformer.types import (
    FrameFeatures,
    Images,
    ModelOutput,
    ProposalBoxes,
    TrackQueries,
)


class OnlyClasses(WrappedModel[FrameModel]):
    """The same model, in whose answers no query shows a class that was not asked for.

    A query counts with the best of the classes asked for: whoever asks for cars alone also gets the
    car that looks a little more like a van. Labels stay as they are.
    """

    def __init__(self, model: FrameModel, class_names: tuple[str, ...]) -> None:
        """`class_names` are some of the model's."""
        super().__init__(model)
        self._class_names = class_names

    def fingerprint(self) -> str:
        """The model's, and the classes: other ones are other answers."""
        return f"{super().fingerprint()} {' '.join(self._class_names)}"

    def __call__(
        self,
        images: Images,
        track_queries: TrackQueries | None = None,
        previous: FrameFeatures | None = None,
        proposed: ProposalBoxes | None = None,
    ) -> ModelOutput:
        """The model's answer with a score of 0 for every other class."""
        output = self._inner(images, track_queries, previous=previous, proposed=proposed)
        logits = output.class_logits
        is_other = self._is_other(logits.shape[-1]).to(logits.device)
        return replace(output, class_logits=logits.masked_fill(is_other, float("-inf")))

    def _is_other(self, num_logits: int) -> Bool[Tensor, " K"]:
        """Logits of classes not asked for; that of "no object", where there is one, stays."""
        names = self.settings.class_names
        is_other = torch.zeros(num_logits, dtype=torch.bool)
        is_other[: len(names)] = torch.tensor([name not in self._class_names for name in names])
        return is_other
