"""How vehicles, shapes, and the poles and trees that hide them look."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import cv2
import numpy as np

from trackformer.data.synthetic.sprites import Canvas, Colour, Point

WINDOW, TYRE, METAL = (70, 84, 96), (24, 24, 26), (170, 172, 176)


@dataclass(frozen=True, slots=True)
class Vehicle:
    """A car, van or bus from the side."""

    body: Colour
    kind: Literal["car", "van", "bus"]
    grain: int
    """Seed of the shading."""

    @property
    def width(self) -> float:
        """In heights."""
        return {"car": 2.9, "van": 2.3, "bus": 3.4}[self.kind]

    @property
    def num_phases(self) -> int:
        """Pictures of the turning wheels."""
        return 4

    @property
    def stride(self) -> float:
        """A quarter of a turn, after which four spokes look the same."""
        return math.pi / 2 * 0.18

    def draw(self, canvas: Canvas, phase: int) -> None:
        """Draw the vehicle on its way to the right."""
        half, wheel = self.width / 2, 0.18
        if self.kind == "car":
            canvas.polygon(_rectangle(-half, 0.16, half, 0.58), self.body)
            roof = [
                (-0.62 * half, 1.0),
                (0.3 * half, 1.0),
                (0.68 * half, 0.56),
                (-0.9 * half, 0.56),
            ]
            canvas.polygon(roof, self.body)
            panes = [(-0.56, -0.2), (-0.13, 0.24)]
            top, low = 0.92, 0.6
        else:
            canvas.polygon(_rectangle(-half, 0.14, 0.94 * half, 1.0), self.body)
            canvas.polygon(_rectangle(0.9 * half, 0.14, half, 0.55), self.body)
            edges = np.linspace(-0.92, 0.9, 4 if self.kind == "van" else 7)
            panes = [(float(a), float(b) - 0.04) for a, b in pairwise(edges)]
            top, low = 0.9, 0.56
        for left, right in panes:
            canvas.polygon(_rectangle(left * half, low, right * half, top), WINDOW)
        canvas.ellipse((0.96 * half, 0.42), (0.05, 0.05), (250, 244, 200))
        canvas.ellipse((-0.97 * half, 0.42), (0.04, 0.05), (190, 30, 30))
        turn = max(phase, 0) / self.num_phases * math.pi / 2
        for x in (-0.62 * half, 0.62 * half):
            canvas.ellipse((x, wheel), (wheel, wheel), TYRE)
            canvas.ellipse((x, wheel), (0.1, 0.1), METAL)
            for spoke in range(4):
                angle = spoke * math.pi / 2 - turn
                rim = (x + 0.09 * math.cos(angle), wheel + 0.09 * math.sin(angle))
                canvas.limb((x, wheel), rim, (0.018, 0.018), TYRE)
        canvas.shade(self.grain, 0.3)


@dataclass(frozen=True, slots=True)
class Shape:
    """A turning disc, square, triangle or star of two colours."""

    first: Colour
    second: Colour
    corners: int
    """3 to 5; 0: a disc."""
    grain: int
    """Seed of the shading."""

    @property
    def width(self) -> float:
        """In heights."""
        return 1.0

    @property
    def num_phases(self) -> int:
        """Pictures of one turn."""
        return 24

    @property
    def stride(self) -> float:
        """It rolls: one turn is its circumference."""
        return math.pi

    def draw(self, canvas: Canvas, phase: int) -> None:
        """Draw the shape as it rolls to the right."""
        turn = -2 * math.pi * max(phase, 0) / self.num_phases
        if self.corners == 0:
            canvas.ellipse((0.0, 0.5), (0.49, 0.49), self.first)
        else:
            canvas.polygon(self._outline(turn, 0.49), self.first)
        for half in (0.0, math.pi):
            wedge = [(0.0, 0.5), *(_around(turn + half + angle, 0.3) for angle in (0.0, 0.5, 1.0))]
            canvas.polygon(wedge, self.second)
        canvas.shade(self.grain, 0.25)

    def _outline(self, turn: float, radius: float) -> list[Point]:
        step = 2 * math.pi / self.corners
        if self.corners < 5:
            return [_around(turn + corner * step, radius) for corner in range(self.corners)]
        reaches = (radius, 0.45 * radius)
        return [_around(turn + corner * step / 2, reaches[corner % 2]) for corner in range(10)]


@dataclass(frozen=True, slots=True)
class Occluder:
    """Something that stands in front: a wall or pillar, or a tree or bush."""

    colour: Colour
    second: Colour
    is_plant: bool
    breadth: float
    """In heights."""
    grain: int
    """Seed of leaves and stones."""

    @property
    def width(self) -> float:
        """In heights."""
        return self.breadth

    @property
    def num_phases(self) -> int:
        """It never moves."""
        return 1

    @property
    def stride(self) -> float:
        """It never moves."""
        return 1.0

    def draw(self, canvas: Canvas, phase: int) -> None:  # noqa: ARG002 - as all sprites
        """Draw it; walls and pillars have no gap."""
        half = self.breadth / 2
        if self.is_plant:
            random = np.random.default_rng(self.grain)
            # Dense in the middle, so that what walks behind is hidden for a while.
            canvas.polygon(_rectangle(-0.8 * half, 0.0, 0.8 * half, 0.93), self.colour)
            for _ in range(90):
                x, y = random.uniform(-0.88, 0.88) * half, random.uniform(0.05, 0.95)
                radius = min(random.uniform(0.03, 0.09), 0.12 * half + 0.01)
                leaf = self.colour if random.random() < 0.6 else self.second
                canvas.ellipse((float(x), float(y)), (float(radius), float(radius)), leaf)
        else:
            block = _rectangle(-half, 0.0, half, 1.0)
            canvas.polygon(block, self.colour)
            canvas.stripes(block, self.second, step=(0.0, 0.09))
            canvas.polygon(_rectangle(-half, 0.95, half, 1.0), self.second)
        canvas.shade(self.grain, 0.35)


def sample_vehicle(random: np.random.Generator) -> Vehicle:
    """A vehicle of a random kind and colour."""
    kinds: tuple[Literal["car", "van", "bus"], ...] = ("car", "car", "van", "bus")
    kind = kinds[int(random.integers(len(kinds)))]
    return Vehicle(_sample_colour(random, (0, 200), (60, 240)), kind, _sample_seed(random))


def sample_shape(random: np.random.Generator) -> Shape:
    """A shape of random colours."""
    first, second = (_sample_colour(random, (120, 255), (120, 255)) for _ in range(2))
    return Shape(first, second, int(random.choice([0, 3, 4, 5])), _sample_seed(random))


def sample_occluder(random: np.random.Generator, breadth: float) -> Occluder:
    """A wall or plant, `breadth` times as wide as it is high."""
    is_plant = bool(random.random() < 0.5)
    if is_plant:
        colour, second = (34, 66, 30), (62, 104, 44)
        return Occluder(colour, second, is_plant, breadth, _sample_seed(random))
    grey = _sample_colour(random, (0, 70), (70, 190))
    darker = (grey[0] * 7 // 8, grey[1] * 7 // 8, grey[2] * 7 // 8)
    return Occluder(grey, darker, is_plant, breadth, _sample_seed(random))


def _rectangle(left: float, low: float, right: float, high: float) -> list[Point]:
    return [(left, low), (right, low), (right, high), (left, high)]


def _around(angle: float, radius: float) -> Point:
    return radius * math.cos(angle), 0.5 + radius * math.sin(angle)


def _sample_colour(
    random: np.random.Generator, saturation: tuple[int, int], value: tuple[int, int]
) -> Colour:
    pixel = [random.uniform(0, 179), random.uniform(*saturation), random.uniform(*value)]
    converted = cv2.cvtColor(np.array([[pixel]]).astype(np.uint8), cv2.COLOR_HSV2RGB)
    red, green, blue = converted[0, 0].tolist()
    return red, green, blue


def _sample_seed(random: np.random.Generator) -> int:
    return int(random.integers(2**31))
