"""Which frame of which video a clip is drawn around."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from trackformer.data.annotations import AnnotatedData, AnnotatedSequence


class FrameSampler:
    """Draws a source by its weight, then one of its frames.

    Long sequences give more clips: every frame is equally likely within a source, unless rare
    classes are to be seen more often (see `repeat_factors`).

    Args:
        sources: Annotated data with the share of clips that each gives.
        repeat_threshold: Classes in a smaller share of a source's frames are repeated; 0: none.
    """

    def __init__(
        self, sources: Sequence[tuple[AnnotatedData, float]], repeat_threshold: float
    ) -> None:
        self._sequences = [data.sequences for data, _ in sources]
        weights = np.array([weight for _, weight in sources])
        self._weights = weights / sum(weights)
        self._ends = [
            np.cumsum([len(sequence.frames) for sequence in data.sequences]) for data, _ in sources
        ]
        self._repeat_ends = (
            [np.cumsum(repeat_factors(data, repeat_threshold)) for data, _ in sources]
            if repeat_threshold > 0
            else []
        )

    def draw(self, random: np.random.Generator) -> tuple[AnnotatedSequence, int]:
        """A sequence and the index of one of its frames."""
        source = int(random.choice(len(self._sequences), p=self._weights))
        ends = self._ends[source]
        if self._repeat_ends:
            factors = self._repeat_ends[source]
            place = int(np.searchsorted(factors, random.uniform(0, factors[-1]), side="right"))
        else:
            place = int(random.integers(ends[-1]))
        which = int(np.searchsorted(ends, place, side="right"))
        sequence = self._sequences[source][which]
        return sequence, place - int(ends[which]) + len(sequence.frames)


def repeat_factors(data: AnnotatedData, threshold: float) -> Float[np.ndarray, " F"]:
    """How often each frame is to be seen, relative to one with frequent classes only; at least 1.

    That of the frame's rarest class, which is √(threshold / share of frames with that class)
    (Gupta et al. 2019, LVIS, section 4.2, applied to the frames of videos).
    """
    frames = [frame for sequence in data.sequences for frame in sequence.frames]
    has_class = np.zeros((len(frames), len(data.class_names)), dtype=bool)
    for row, frame in enumerate(frames):
        has_class[row, frame.labels] = True
    shares = has_class.mean(0)
    factors = np.sqrt(threshold / np.maximum(shares, 1 / len(frames)))
    repeats: np.ndarray = np.where(has_class, factors, 1.0).max(1, initial=1.0)
    return repeats
