"""Boxes for the frames in which a track was not seen, but before and after them was."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from trackformer.tracking.hindsight.track import Track

LONGEST_GAP: Final = 30
"""Frames: nobody knows what somebody did in a longer one."""


def filled(track: Track, longest_gap: int = LONGEST_GAP) -> Track:
    """The same track, its boxes moved evenly through gaps of up to `longest_gap` frames."""
    gaps = np.diff(track.frames) - 1
    frames = np.arange(track.frames[0], track.frames[-1] + 1)
    is_seen = np.isin(frames, track.frames)
    # Which gap a frame lies in: that of the next frame that was seen.
    following = np.searchsorted(track.frames, frames)
    length_at = np.concatenate([[0], gaps])[following]
    kept = frames[is_seen | (length_at <= longest_gap)]
    boxes = np.stack([np.interp(kept, track.frames, side) for side in track.boxes_xyxy.T], axis=1)
    was_filled = np.isin(kept, track.frames[track.is_filled])
    return replace(
        track,
        frames=kept,
        boxes_xyxy=boxes,
        scores=np.interp(kept, track.frames, track.scores),
        is_filled=~np.isin(kept, track.frames) | was_filled,
    )
