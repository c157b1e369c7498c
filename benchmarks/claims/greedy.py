"""The simplest tracker of boxes: each track takes the detection that overlaps it most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import supervision

from trackformer.data.results import ResultFrame

LEAST_OVERLAP = 0.3
"""Intersection over union."""


@dataclass(slots=True)
class _Track:
    identity: int
    box_xyxy: np.ndarray
    """Where it was last seen."""
    frames_missed: int = 0


def track_greedily(detections: Sequence[ResultFrame], patience: int) -> list[ResultFrame]:
    """Match boxes from frame to frame, the best overlap first; all that is left begins a track.

    Args:
        detections: Of every frame, in order.
        patience: Frames that a track waits, where it was last seen, before it is given up.
    """
    tracks: list[_Track] = []
    results = []
    born = 0
    for found in detections:
        chosen = _matches(tracks, found)
        for track in tracks:
            track.frames_missed += 1
        for row, box in enumerate(found.boxes_xyxy):
            if row not in chosen:
                born += 1
                chosen[row] = _Track(born, box)
                tracks.append(chosen[row])
            chosen[row].box_xyxy, chosen[row].frames_missed = box, 0
        tracks = [track for track in tracks if track.frames_missed <= patience]
        identities = [chosen[row].identity for row in range(len(found.scores))]
        results.append(
            ResultFrame(
                found.frame_index,
                np.array(identities, dtype=np.int64),
                found.boxes_xyxy,
                found.scores,
            )
        )
    return results


def _matches(tracks: Sequence[_Track], found: ResultFrame) -> dict[int, _Track]:
    """The track of each row that has one."""
    chosen: dict[int, _Track] = {}
    if not tracks or len(found.scores) == 0:
        return chosen
    before = np.stack([track.box_xyxy for track in tracks])
    overlap = supervision.box_iou_batch(before, found.boxes_xyxy)
    while overlap.max() >= LEAST_OVERLAP:
        row, column = np.unravel_index(int(overlap.argmax()), overlap.shape)
        chosen[int(column)] = tracks[int(row)]
        overlap[row, :], overlap[:, column] = -1, -1
    return chosen
