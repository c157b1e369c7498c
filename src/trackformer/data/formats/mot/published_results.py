"""How the published TrackFormer reads and writes boxes of MOTChallenge files, one pixel off.

It takes the last pixel inside for the right and bottom side (docs/compatibility.md).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from trackformer.data.results import ResultFrame

LAST_PIXEL = np.array([0.0, 0.0, 1.0, 1.0])
NO_SCORE = -1.0


def read_as_published(boxes_xyxy: Float[np.ndarray, "N 4"]) -> Float[np.ndarray, "N 4"]:
    """Boxes of a file, in 0-based pixels, as the published reader has them: shorter by a pixel."""
    return np.asarray(boxes_xyxy - LAST_PIXEL)


def written_as_published(frame: ResultFrame) -> ResultFrame:
    """Results as they stand in a published file: wider and higher by a pixel, without scores."""
    return replace(
        frame,
        boxes_xyxy=np.asarray(frame.boxes_xyxy + LAST_PIXEL),
        scores=np.full_like(frame.scores, NO_SCORE),
    )
