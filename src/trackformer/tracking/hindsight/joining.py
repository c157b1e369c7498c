"""Tracks that are one identity, because one ends where another begins shortly after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment

from trackformer.tracking.hindsight.track import Track, joined

LONGEST_GAP: Final = 15
"""Frames from the last box of one to the first of the other, at most."""
NEAR: Final = 0.3
"""In heights of the box: so far the two may be from where the other's motion leads..."""
NEAR_PER_FRAME: Final = 0.03
"""... and so much further for each frame between them."""
SIZES_DIFFER: Final = 0.3
"""Largest logarithm of the ratio of their heights."""
MOTION_FRAMES: Final = 10
"""So many boxes at an end tell how fast it moves."""
SLOWER: Final = 0.5
"""Share of its speed at which an unseen object goes on: it was hidden by something, and waited."""
END_FRAMES: Final = 5
NEVER: Final = np.inf


def join(tracks: Sequence[Track], longest_gap: int = LONGEST_GAP) -> list[Track]:
    """The tracks, in which fragments of one identity are one.

    An end and a beginning fit if forward motion from the one and backward motion from the other
    both come near. Of all fitting pairs of the recording those are joined that cost least together
    (an assignment: no end and no beginning is used twice).
    """
    if len(tracks) < 2:
        return list(tracks)
    ends = _ends([_end(track) for track in tracks])
    costs = _costs(ends, _ends([_start(track) for track in tracks]), longest_gap)
    labels = np.array([track.label for track in tracks])
    costs[labels[:, None] != labels[None]] = NEVER
    following = _assigned(costs)
    chains = []
    for first in sorted(set(range(len(tracks))) - set(following.values())):
        chain = [first]
        while chain[-1] in following:
            chain.append(following[chain[-1]])
        chains.append(joined([tracks[place] for place in chain]))
    return chains


@dataclass(frozen=True, slots=True, eq=False)
class _Ends:
    """One end of each of T tracks."""

    frames: Int[np.ndarray, " T"]
    centres: Float[np.ndarray, "T 2"]
    heights: Float[np.ndarray, " T"]
    speeds: Float[np.ndarray, "T 2"]
    """Pixels a frame."""


_End = tuple[int, Float[np.ndarray, " 2"], float, Float[np.ndarray, " 2"]]


def _ends(ends: Sequence[_End]) -> _Ends:
    frames, centres, heights, speeds = zip(*ends, strict=True)
    return _Ends(np.array(frames), np.stack(centres), np.array(heights), np.stack(speeds))


def _end(track: Track) -> _End:
    return _at(track, slice(-MOTION_FRAMES, None), slice(-END_FRAMES, None), -1)


def _start(track: Track) -> _End:
    return _at(track, slice(MOTION_FRAMES), slice(END_FRAMES), 0)


def _at(track: Track, moving: slice, near: slice, place: int) -> _End:
    boxes = track.boxes_xyxy
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    height = float(np.median(boxes[near, 3] - boxes[near, 1]))
    return (
        int(track.frames[place]),
        centres[place],
        height,
        _speed(track.frames[moving], centres[moving]),
    )


def _speed(
    frames: Int[np.ndarray, " F"], centres: Float[np.ndarray, "F 2"]
) -> Float[np.ndarray, " 2"]:
    """Slope of the line through the centres; 0 where there are too few."""
    if len(frames) < 3:
        return np.zeros(2)
    times = frames - frames.mean()
    slopes = (times[:, None] * (centres - centres.mean(0))).sum(0) / (times**2).sum()
    return np.asarray(slopes)


def _costs(ends: _Ends, starts: _Ends, longest_gap: int) -> Float[np.ndarray, "T T"]:
    """How far an end and a beginning miss each other, in what is allowed: below 1 they fit."""
    gaps = starts.frames[None] - ends.frames[:, None]
    height = (starts.heights[None] + ends.heights[:, None]) / 2
    apart = starts.centres[None] - ends.centres[:, None]
    steps = (gaps * SLOWER)[..., None]
    forward = np.linalg.norm(apart - ends.speeds[:, None] * steps, axis=-1)
    backward = np.linalg.norm(apart - starts.speeds[None] * steps, axis=-1)
    costs = (forward + backward) / 2 / (height * (NEAR + NEAR_PER_FRAME * np.maximum(gaps, 1)))
    ratio = np.abs(np.log(starts.heights[None] / ends.heights[:, None]))
    fits = (gaps >= 1) & (gaps <= longest_gap) & (ratio <= SIZES_DIFFER) & (costs < 1)
    return np.where(fits, costs, NEVER)


def _assigned(costs: Float[np.ndarray, "T T"]) -> dict[int, int]:
    """The beginning that follows each end, where one does."""
    rows = np.flatnonzero((costs < NEVER).any(1))
    columns = np.flatnonzero((costs < NEVER).any(0))
    # To join nothing costs as much as the worst pair that fits.
    some = np.minimum(costs[np.ix_(rows, columns)], 1.0)
    pairs = zip(*linear_sum_assignment(some), strict=True)
    return {int(rows[a]): int(columns[b]) for a, b in pairs if some[a, b] < 1}
