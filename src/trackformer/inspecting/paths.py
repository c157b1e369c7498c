"""Where an identity went: its boxes in order, and where they lead (torch-free)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float, Int

from trackformer.inspecting.run_folder import Seen

LOOKED_BACK: Final = 8
"""Frames of the way before that tell where it leads."""
FEWEST: Final = 3
"""Boxes that make a way."""


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """A straight way through time."""

    frame: float
    """Where it is measured."""
    place: Float[np.ndarray, " 2"]
    """(x, y) in pixels at that frame."""
    speed: Float[np.ndarray, " 2"]
    """Pixels per frame."""

    def distance_to(self, other: Line) -> float:
        """How far this way, gone on, is from the other in the middle of it, in pixels.

        Places count, and so does a way that leads elsewhere.
        """
        gap = other.frame - self.frame
        apart = np.linalg.norm(self.place + gap * self.speed - other.place)
        turned = np.linalg.norm(self.speed - other.speed) * LOOKED_BACK / 2
        return float(apart + turned)


@dataclass(frozen=True, slots=True, eq=False)
class Path:
    """The boxes of one identity, one row a frame in which it is seen."""

    frames: Int[np.ndarray, " S"]
    boxes_xyxy: Float[np.ndarray, "S 4"]
    centres: Float[np.ndarray, "S 2"]
    heights: Float[np.ndarray, " S"]

    @property
    def start(self) -> int:
        """The first frame."""
        return int(self.frames[0])

    @property
    def end(self) -> int:
        """The last frame."""
        return int(self.frames[-1])

    def is_seen(self, frame: int) -> bool:
        """Whether there is a box in a frame."""
        row = int(np.searchsorted(self.frames, frame))
        return row < len(self.frames) and int(self.frames[row]) == frame

    def was_there(self, frame: int, within: int) -> bool:
        """Whether it was seen in one of some frames before, so that its way is known."""
        last = self.last_before(frame)
        return last is not None and frame - last <= within

    def last_before(self, frame: int) -> int | None:
        """The last frame before one in which it is seen."""
        row = int(np.searchsorted(self.frames, frame))
        return int(self.frames[row - 1]) if row > 0 else None

    def at(self, frame: int) -> Float[np.ndarray, " 2"]:
        """Its centre in a frame in which it is seen."""
        centre: Float[np.ndarray, " 2"] = self.centres[int(np.searchsorted(self.frames, frame))]
        return centre

    def height_at(self, frame: int) -> float:
        """Its height in a frame in which it is seen."""
        return float(self.heights[int(np.searchsorted(self.frames, frame))])

    def boxes_at(self, frames: Int[np.ndarray, " F"]) -> Float[np.ndarray, "F 4"]:
        """Its boxes in frames in which it is seen."""
        return self.boxes_xyxy[np.searchsorted(self.frames, frames)]

    def between(self, frames: Int[np.ndarray, " F"]) -> Float[np.ndarray, "F 2"]:
        """Its centre in any frames between its first and last, straight through gaps."""
        return np.stack(
            [np.interp(frames, self.frames, self.centres[:, axis]) for axis in (0, 1)], axis=1
        )

    def expected(self, frame: int, before: int) -> Float[np.ndarray, " 2"]:
        """Where its way up to a frame leads, without that frame."""
        line = self.line(before, last=True)
        if line is None:
            row = int(np.searchsorted(self.frames, before))
            last: Float[np.ndarray, " 2"] = self.centres[max(0, row - 1)]
            return last
        return line.place + (frame - line.frame) * line.speed

    def line(self, frame: int, *, last: bool) -> Line | None:
        """Its last way before a frame, or its first from that frame on; None where it is short."""
        row = int(np.searchsorted(self.frames, frame))
        rows = slice(max(0, row - LOOKED_BACK), row) if last else slice(row, row + LOOKED_BACK)
        frames, centres = self.frames[rows], self.centres[rows]
        if len(frames) < FEWEST:
            return None
        middle = frames.mean()
        times = frames - middle
        speed = times @ centres / (times @ times)
        near = frames[-1] if last else frames[0]
        return Line(float(near), centres.mean(0) + (near - middle) * speed, speed)


def paths_of(frames: Sequence[Mapping[int, Seen]]) -> dict[int, Path]:
    """The way of every identity."""
    rows: dict[int, list[tuple[int, Float[np.ndarray, " 4"]]]] = defaultdict(list)
    for index, seen in enumerate(frames):
        for track_id, each in seen.items():
            rows[track_id].append((index, each.box_xyxy))
    return {track_id: _path(rows[track_id]) for track_id in sorted(rows)}


def _path(rows: Sequence[tuple[int, Float[np.ndarray, " 4"]]]) -> Path:
    boxes = np.stack([box for _, box in rows])
    return Path(
        frames=np.array([frame for frame, _ in rows]),
        boxes_xyxy=boxes,
        centres=(boxes[:, :2] + boxes[:, 2:]) / 2,
        heights=np.maximum(boxes[:, 3] - boxes[:, 1], 1.0),
    )
