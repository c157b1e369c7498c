"""Pairs of an object and a result of the same frame, as one record over a whole sequence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

EPSILON = np.finfo(np.float64).eps
"""TrackEval's slack at thresholds: an IoU of exactly 0.5 matches at 0.5."""


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """P pairs in the order of the frames; axis letter P."""

    frames: Int[np.ndarray, " P"]
    rows: Int[np.ndarray, " P"]
    """Which of the frame's objects."""
    objects: Int[np.ndarray, " P"]
    """Identity of the object, a place in `CountedSequence.object_ids`."""
    tracks: Int[np.ndarray, " P"]
    """Identity of the result, a place in `CountedSequence.track_ids`."""
    iou: Float[np.ndarray, " P"]

    def where(self, chosen: Bool[np.ndarray, " P"]) -> Matches:
        """Only some of the pairs."""
        return Matches(
            self.frames[chosen],
            self.rows[chosen],
            self.objects[chosen],
            self.tracks[chosen],
            self.iou[chosen],
        )


@dataclass(frozen=True, slots=True, eq=False)
class FrameMatches:
    """The pairs of one frame."""

    frame: int
    rows: Int[np.ndarray, " P"]
    objects: Int[np.ndarray, " P"]
    tracks: Int[np.ndarray, " P"]
    iou: Float[np.ndarray, " P"]


def joined(parts: Sequence[FrameMatches]) -> Matches:
    """The pairs of all frames."""
    none = np.zeros(0, dtype=np.int64)
    return Matches(
        frames=np.repeat([part.frame for part in parts], [len(part.rows) for part in parts]).astype(
            np.int64
        ),
        rows=np.concatenate([none, *(part.rows for part in parts)]),
        objects=np.concatenate([none, *(part.objects for part in parts)]),
        tracks=np.concatenate([none, *(part.tracks for part in parts)]),
        iou=np.concatenate([np.zeros(0), *(part.iou for part in parts)]),
    )
