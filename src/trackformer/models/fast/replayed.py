"""A detector whose three calls are recorded and replayed."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, cast

from jaxtyping import Bool, Float
from torch import Tensor, nn

from trackformer.models.detector import Detector, Segmenter
from trackformer.models.fast.recordings import Recorder, Recordings
from trackformer.models.parts.slots import HARMLESS, NOTHING, PADDED, in_slots, lengthened
from trackformer.types import (
    DecoderOutput,
    DecoderQueries,
    FrameFeatures,
    Images,
    Memory,
    ProposalBoxes,
)

SLOTS: Final = 16
"""Queries and proposals are padded to a multiple of this: their number changes with every frame."""


class ReplayedDetector(nn.Module):
    """Answers as the detector inside does, within rounding.

    Args:
        detector: For inference only, on the recorder's device, where it stays.
        recorder: Of that device's work.
    """

    def __init__(self, detector: nn.Module, recorder: Recorder) -> None:
        super().__init__()
        self.inner = detector
        self.embedding_size: int = self._detector.embedding_size
        self.has_no_object_class: bool = self._detector.has_no_object_class
        self.predicts_masks = isinstance(detector, Segmenter) and detector.predicts_masks
        self._replayed = Recordings(recorder)

    def encode(self, images: Images, previous: FrameFeatures | None = None, /) -> Memory:
        """Backbone and encoder."""
        return self._replayed("encode", self._detector.encode, images, previous)

    def object_queries(
        self, memory: Memory, proposed: ProposalBoxes | None = None
    ) -> DecoderQueries:
        """The detector's queries, those of the proposals last."""
        missing = 0
        if proposed is not None:
            slots = in_slots(proposed.boxes.shape[1], SLOTS)
            missing = slots - proposed.boxes.shape[1]
            proposed = ProposalBoxes(
                lengthened(proposed.boxes, slots, HARMLESS),
                lengthened(proposed.is_padding, slots, PADDED),
            )
        queries = self._replayed(
            "object_queries", self._detector.object_queries, _for_the_decoder(memory), proposed
        )
        rows = slice(queries.content.shape[1] - missing)
        return replace(
            queries,
            content=queries.content[:, rows],
            position=queries.position[:, rows],
            reference=queries.reference[:, rows],
            is_padding=queries.is_padding[:, rows],
        )

    def decode(self, memory: Memory, queries: DecoderQueries) -> DecoderOutput:
        """Answers to the queries."""
        count = queries.content.shape[1]
        answer = self._replayed(
            "decode", self._detector.decode, _for_the_decoder(memory), _in_slots(queries)
        )
        return DecoderOutput(
            answer.class_logits[:, :, :count],
            answer.boxes[:, :, :count],
            answer.embeddings[:, :count],
        )

    def mask_logits(
        self, memory: Memory, embeddings: Float[Tensor, "B Q C"], chosen: Bool[Tensor, "B Q"]
    ) -> Float[Tensor, "R h w"]:
        """Not replayed: how many masks there are, numbers decide."""
        assert isinstance(self.inner, Segmenter)
        return self.inner.mask_logits(memory, embeddings, chosen)

    @property
    def _detector(self) -> Detector:
        return cast(Detector, self.inner)


def _for_the_decoder(memory: Memory) -> Memory:
    """Without what only the next frame and masks look at: less to copy."""
    return replace(memory, features=(), frame=None, mask_input=None)


def _in_slots(queries: DecoderQueries) -> DecoderQueries:
    """The queries, and behind them padding, which no other query sees."""
    slots = in_slots(queries.content.shape[1], SLOTS)
    return DecoderQueries(
        content=lengthened(queries.content, slots, NOTHING),
        position=lengthened(queries.position, slots, NOTHING),
        reference=lengthened(queries.reference, slots, HARMLESS),
        is_padding=lengthened(queries.is_padding, slots, PADDED),
        groups=None if queries.groups is None else lengthened(queries.groups, slots, NOTHING),
    )
