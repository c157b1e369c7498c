"""What a detector must offer so that TrackFormer can make a tracker of it: three calls."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from jaxtyping import Bool, Float
from torch import Tensor

from trackformer.types import (
    DecoderOutput,
    DecoderQueries,
    FrameFeatures,
    Images,
    Memory,
    ProposalBoxes,
)


@runtime_checkable
class Detector(Protocol):
    """A DETR-like detector. It knows nothing of tracks, targets or files."""

    embedding_size: int
    """C, the width of queries and embeddings."""
    has_no_object_class: bool
    """True: softmax with a last 'no object' logit. False: one sigmoid per class."""

    def encode(self, images: Images, previous: FrameFeatures | None = None, /) -> Memory:
        """Everything that depends on the pixels alone; computed once per frame.

        A detector that looks at two frames fills `Memory.frame`, and takes it as `previous` with
        the next frame; without it, a frame stands in for the one before. Others ignore it.
        """
        ...

    def object_queries(
        self, memory: Memory, proposed: ProposalBoxes | None = None
    ) -> DecoderQueries:
        """The detector's own queries, learned or selected from `memory` (two-stage).

        Behind them, one for each box of another detector: it starts from that box, with the content
        that the detector's own query would have there.

        Raises:
            ConfigError: There are boxes, but queries of this detector do not start from a place.
        """
        ...

    def decode(self, memory: Memory, queries: DecoderQueries) -> DecoderOutput:
        """Answer any number of queries; padded rows influence no other row."""
        ...


@runtime_checkable
class Segmenter(Detector, Protocol):
    """A detector that can also be built to outline what it finds."""

    predicts_masks: bool
    """Whether this one was."""

    def mask_logits(
        self,
        memory: Memory,
        embeddings: Float[Tensor, "B Q C"],
        chosen: Bool[Tensor, "B Q"],
    ) -> Float[Tensor, "R h w"]:
        """Masks of the R chosen queries, image by image; only where `predicts_masks`.

        `embeddings` are those of `DecoderOutput`.
        """
        ...
