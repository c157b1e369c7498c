"""What a detector must offer so that TrackFormer can make a tracker of it: three calls."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from trackformer.types import DecoderOutput, DecoderQueries, FrameFeatures, Images, Memory


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

    def object_queries(self, memory: Memory) -> DecoderQueries:
        """The detector's own N queries, learned or selected from `memory` (two-stage)."""
        ...

    def decode(self, memory: Memory, queries: DecoderQueries) -> DecoderOutput:
        """Answer any number of queries; padded rows influence no other row."""
        ...
