"""A detector whose products are taken in bfloat16."""

from __future__ import annotations

from typing import cast

import torch
from torch import nn

from trackformer.models.detector import Detector
from trackformer.types import (
    DecoderOutput,
    DecoderQueries,
    FrameFeatures,
    Images,
    Memory,
    ProposalBoxes,
)


class LowPrecisionDetector(nn.Module):
    """The three calls of a detector under autocast; the answers are float32.

    Args:
        detector: Its convolutions and linear layers have bfloat16 weights.
    """

    def __init__(self, detector: nn.Module) -> None:
        super().__init__()
        self.inner = detector
        self.embedding_size: int = self._detector.embedding_size
        self.has_no_object_class: bool = self._detector.has_no_object_class

    def encode(self, images: Images, previous: FrameFeatures | None = None, /) -> Memory:
        """Backbone and encoder."""
        with self._autocast(images.pixels.device):
            return self._detector.encode(images, previous)

    def object_queries(
        self, memory: Memory, proposed: ProposalBoxes | None = None
    ) -> DecoderQueries:
        """The detector's queries."""
        with self._autocast(memory.tokens.device):
            return self._detector.object_queries(memory, proposed)

    def decode(self, memory: Memory, queries: DecoderQueries) -> DecoderOutput:
        """Answers in float32."""
        with self._autocast(memory.tokens.device):
            answer = self._detector.decode(memory, queries)
        return DecoderOutput(
            answer.class_logits.float(), answer.boxes.float(), answer.embeddings.float()
        )

    @property
    def _detector(self) -> Detector:
        return cast(Detector, self.inner)

    @staticmethod
    def _autocast(device: torch.device) -> torch.autocast:
        return torch.autocast(device.type, dtype=torch.bfloat16)
