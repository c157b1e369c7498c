"""What a scene is: who walks where and when, and how the camera sees it. Nothing is drawn here.

World coordinates are the pixels of the image as the resting camera sees it: x to the right, y
downwards, time in frames from 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, UInt8

from trackformer.data.synthetic.sprites import Sprite


@dataclass(frozen=True)
class Trajectory:
    """Where an actor's feet are: on straight lines from key point to key point.

    Before the first and after the last time, the actor is not in the scene.

    >>> there_and_back = Trajectory((0.0, 10.0, 20.0), (0.0, 50.0, 0.0), (90.0, 90.0, 90.0))
    >>> there_and_back.feet(15), there_and_back.walked(15), there_and_back.direction(15)
    ((25.0, 90.0), 75.0, -1)
    """

    times: tuple[float, ...]
    """Ascending; at least two."""
    xs: tuple[float, ...]
    ys: tuple[float, ...]

    def is_present(self, time: float | int) -> bool:
        """Whether the actor is in the scene."""
        return self.times[0] <= time <= self.times[-1]

    def feet(self, time: float | int) -> tuple[float, float]:
        """Position of the middle of the feet."""
        x, y = np.interp(time, self.times, self.xs), np.interp(time, self.times, self.ys)
        return float(x), float(y)

    def walked(self, time: float | int) -> float:
        """Way so far, in pixels."""
        return float(np.interp(time, self.times, self._way))

    def direction(self, time: float | int) -> int:
        """1: to the right, -1: to the left; whoever stands looks where the way led before."""
        return self._directions[self._leg(time)]

    def is_moving(self, time: float | int) -> bool:
        """Whether the actor walks."""
        leg = self._leg(time)
        return self._way[leg + 1] > self._way[leg]

    def _leg(self, time: float | int) -> int:
        found = int(np.searchsorted(self.times, time, side="right")) - 1
        return min(max(found, 0), len(self.times) - 2)

    @cached_property
    def _way(self) -> tuple[float, ...]:
        steps = np.hypot(np.diff(self.xs), np.diff(self.ys))
        return tuple(float(way) for way in np.concatenate([[0.0], np.cumsum(steps)]))

    @cached_property
    def _directions(self) -> tuple[int, ...]:
        signs = [int(sign) for sign in np.sign(np.diff(self.xs))]
        last = next((sign for sign in signs if sign), 1)
        directions = []
        for sign in signs:
            last = sign or last
            directions.append(last)
        return tuple(directions)


@dataclass(frozen=True, slots=True, eq=False)
class Actor:
    """One thing in a scene."""

    track_id: int
    """From 1; 0: something that hides others and is not annotated."""
    class_name: str
    """person, vehicle or shape; occluder where `track_id` is 0."""
    sprite: Sprite
    trajectory: Trajectory
    height: float
    """In pixels, seen by the resting camera."""


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """Everything that the frames of one sequence are drawn from."""

    image_size: tuple[int, int]
    """(height, width)."""
    background: UInt8[np.ndarray, "_ _ 3"]
    """RGB; its middle lies in the middle of the resting image, and its mirror images around it."""
    actors: tuple[Actor, ...]
    """Of two, the one whose feet are lower in the image is nearer to the camera."""
    camera: Float[np.ndarray, "F 3"]
    """Per frame: where it looks, x and y beside the middle of the image, and its zoom."""
    light: Float[np.ndarray, "F 3"]
    """Factor of red, green and blue per frame."""
    blur: Float[np.ndarray, "F 2"]
    """Per frame, in pixels: standard deviation of the defocus, and length of the motion blur."""

    @property
    def num_frames(self) -> int:
        """Length of the sequence."""
        return len(self.camera)
