"""Boxes that tremble less: each fitted to those shortly before and after it."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
from jaxtyping import Float, Int

from trackformer.tracking.hindsight.track import Track

CENTRE_LAG: Final = 6
"""So many frames to both sides tell where a box is: people turn, and cameras shake."""
SIZE_LAG: Final = 10
"""The same for its width and height, which change more slowly."""
FEWEST: Final = 3
"""A line through fewer boxes says nothing that they do not."""


def smoothed(track: Track, centre_lag: int = CENTRE_LAG, size_lag: int = SIZE_LAG) -> Track:
    """The same track with every box on a line fitted to its surroundings (a fixed-lag smoother).

    Centres and sizes are fitted apart: weighted least squares in time, weights of a Gaussian whose
    standard deviation is half the lag (local linear regression, Cleveland 1979). Whoever walks
    evenly stays where they are, also at the ends of the track.
    """
    low, high = track.boxes_xyxy[:, :2], track.boxes_xyxy[:, 2:]
    centres = _fitted(track.frames, (low + high) / 2, centre_lag)
    sizes = np.maximum(_fitted(track.frames, high - low, size_lag), 1.0)
    boxes = np.concatenate([centres - sizes / 2, centres + sizes / 2], axis=1)
    return replace(track, boxes_xyxy=boxes)


def _fitted(
    frames: Int[np.ndarray, " F"], values: Float[np.ndarray, "F 2"], lag: int
) -> Float[np.ndarray, "F 2"]:
    first = np.searchsorted(frames, frames - lag, side="left")
    last = np.searchsorted(frames, frames + lag, side="right")
    fitted = values.astype(np.float64)
    # One small system for each frame: neighbours differ in number at ends and gaps.
    for row in range(len(frames)):
        near = slice(first[row], last[row])
        times = (frames[near] - frames[row]).astype(np.float64)
        if len(times) < FEWEST:
            continue
        weights = np.exp(-0.5 * (times / (lag / 2)) ** 2)
        line = np.stack([np.ones_like(times), times], axis=1)
        weighted = line * weights[:, None]
        fitted[row] = np.linalg.solve(line.T @ weighted, weighted.T @ values[near])[0]
    return fitted
