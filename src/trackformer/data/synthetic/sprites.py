"""What moves through a scene, as pictures with transparency drawn once and used in many frames."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Protocol, TypeAlias, runtime_checkable

import cv2
import numpy as np
from jaxtyping import Float, UInt8

Colour: TypeAlias = tuple[int, int, int]
"""Red, green, blue, 0 .. 255."""
Point: TypeAlias = tuple[float, float]
"""x to the right and y upwards from the middle of the feet, in heights of the sprite."""

STANDING: Final = -1
"""The phase of a sprite that does not move."""
PADDING: Final = 0.04
"""Room around a sprite, in heights."""
SIZE_STEP: Final = 1.25
"""Sprites are drawn at these steps of height and shrunk to what a frame needs."""
SMALLEST: Final = 8
CACHED: Final = 1024
"""Textures kept; of 150 pixels height they take 80 kB each."""


@runtime_checkable
class Sprite(Protocol):
    """A drawable appearance; equal sprites have equal pixels."""

    @property
    def width(self) -> float:
        """Most that it is wide, in heights."""

    @property
    def num_phases(self) -> int:
        """Pictures of one round of its motion."""

    @property
    def stride(self) -> float:
        """Way after which the motion begins anew, in heights."""

    def draw(self, canvas: Canvas, phase: int) -> None:
        """Draw the sprite as it moves to the right."""

    def __hash__(self) -> int:
        """Textures are kept by appearance."""


@dataclass(frozen=True, slots=True, eq=False)
class Texture:
    """One phase of a sprite."""

    pixels: UInt8[np.ndarray, "h w 4"]
    """RGB times opacity, and opacity."""
    height: float
    """Pixels that are one height of the sprite."""
    feet: Point
    """Where the middle of the feet is, in pixels from the upper left corner."""
    extent: tuple[float, float, float, float]
    """Left, top, right, bottom of what is more than half opaque, in heights from the feet."""


class Canvas:
    """Paper to draw a sprite on, in the sprite's own unit; later shapes cover earlier ones.

    Args:
        width: In heights of the sprite.
        height: Of the sprite, in pixels of the paper.
    """

    def __init__(self, width: float, height: int) -> None:
        self.height = height
        self._columns = round((width + 2 * PADDING) * height)
        self._rows = round((1 + 2 * PADDING) * height)
        self.colours = np.zeros((self._rows, self._columns, 3), dtype=np.uint8)
        self.opacity = np.zeros((self._rows, self._columns), dtype=np.uint8)
        self._shading = (0, 0.0)

    @property
    def feet(self) -> Point:
        """Pixel of the point (0, 0)."""
        return self._columns / 2, self._rows - PADDING * self.height

    def polygon(self, points: list[Point], colour: Colour) -> None:
        """A filled outline."""
        corners = np.rint([self._pixel(point) for point in points]).astype(np.int32)
        cv2.fillPoly(self.colours, [corners], colour)
        cv2.fillPoly(self.opacity, [corners], 255)

    def limb(self, start: Point, end: Point, radii: tuple[float, float], colour: Colour) -> None:
        """A rounded bar that is `radii` thick at its two ends."""
        (x, y), (end_x, end_y), (near, far) = start, end, radii
        length = math.hypot(end_x - x, end_y - y)
        if length > 0:
            aside_x, aside_y = (y - end_y) / length, (end_x - x) / length
            self.polygon(
                [
                    (x + aside_x * near, y + aside_y * near),
                    (end_x + aside_x * far, end_y + aside_y * far),
                    (end_x - aside_x * far, end_y - aside_y * far),
                    (x - aside_x * near, y - aside_y * near),
                ],
                colour,
            )
        self.ellipse(start, (radii[0], radii[0]), colour)
        self.ellipse(end, (radii[1], radii[1]), colour)

    def ellipse(self, centre: Point, radii: Point, colour: Colour) -> None:
        """An upright ellipse."""
        x, y = self._pixel(centre)
        middle = (round(x), round(y))
        axes = (max(1, round(radii[0] * self.height)), max(1, round(radii[1] * self.height)))
        cv2.ellipse(self.colours, middle, axes, 0, 0, 360, colour, cv2.FILLED)
        cv2.ellipse(self.opacity, middle, axes, 0, 0, 360, 255, cv2.FILLED)

    def stripes(self, points: list[Point], colour: Colour, *, step: Point) -> None:
        """Colour every other band of an outline; `step`: width of the bands along x and y."""
        corners = np.rint([self._pixel(point) for point in points]).astype(np.int32)
        inside = np.zeros_like(self.opacity)
        cv2.fillPoly(inside, [corners], 1)
        rows, columns = np.indices(self.opacity.shape)
        bands = np.zeros(self.opacity.shape, dtype=np.int64)
        for index, width in ((columns, step[0]), (rows, step[1])):
            if width > 0:
                bands += index // max(1, round(width * self.height))
        self.colours[(inside > 0) & (bands % 2 == 1)] = colour

    def shade(self, seed: int, strength: float) -> None:
        """Light from the upper left, folds and grain, the same for the same seed."""
        self._shading = (seed, strength)

    def picture(self, finer: int) -> UInt8[np.ndarray, "h w 4"]:
        """What is drawn, `finer` times smaller: averaged, so that outlines are smooth."""
        size = (round(self._columns / finer), round(self._rows / finer))
        painted = cv2.merge([*cv2.split(self.colours), self.opacity])
        picture = cv2.resize(painted, size, interpolation=cv2.INTER_AREA)
        seed, strength = self._shading
        random = np.random.default_rng(seed)
        folds = cv2.resize(_noise(random, (13, 7)), size, interpolation=cv2.INTER_CUBIC)
        grain = cv2.resize(_noise(random, (60, 30)), size, interpolation=cv2.INTER_LINEAR)
        across = np.linspace(0.5, -0.5, size[0], dtype=np.float32)
        down = np.linspace(0.3, -0.3, size[1], dtype=np.float32)[:, None]
        factor = 1 + strength * (0.9 * (across + down) + 0.35 * folds + 0.2 * grain)
        shaded = picture[..., :3] * factor[..., None]
        # Colours times opacity must not exceed the opacity.
        picture[..., :3] = np.clip(shaded, 0, picture[..., 3:])
        return np.asarray(picture)

    def _pixel(self, point: Point) -> Point:
        x, y = self.feet
        return x + point[0] * self.height, y - point[1] * self.height


def texture_height(height: float) -> int:
    """The least height, in pixels, from which a sprite of this height is shrunk."""
    steps = np.ceil(np.log(max(height, SMALLEST) / SMALLEST) / np.log(SIZE_STEP) - 1e-9)
    return int(np.ceil(SMALLEST * SIZE_STEP**steps))


@lru_cache(maxsize=CACHED)
def texture_of(sprite: Sprite, phase: int, height: int) -> Texture:
    """Draw a sprite `height` pixels high; the same picture for equal arguments."""
    # Drawn larger first: the opacity of a pixel becomes the share of it that is covered.
    finer = 4 if height < 64 else 2
    canvas = Canvas(sprite.width, height * finer)
    sprite.draw(canvas, phase)
    pixels = canvas.picture(finer)
    rows, columns = canvas.opacity.shape
    feet = (
        canvas.feet[0] * pixels.shape[1] / columns,
        canvas.feet[1] * pixels.shape[0] / rows,
    )
    return Texture(pixels, float(height), feet, _extent(pixels[..., 3], feet, height))


def texture_at_phase(sprite: Sprite, walked: float, height: float, *, is_moving: bool) -> Texture:
    """The picture after a way `walked`, in heights, drawn at `height` pixels or a little more."""
    phase = int(walked / sprite.stride * sprite.num_phases) % sprite.num_phases
    return texture_of(sprite, phase if is_moving else STANDING, texture_height(height))


def _noise(random: np.random.Generator, size: tuple[int, int]) -> Float[np.ndarray, "h w"]:
    return random.normal(0, 1, size).astype(np.float32)


def _extent(
    opacity: UInt8[np.ndarray, "h w"], feet: Point, height: int
) -> tuple[float, float, float, float]:
    is_sprite = opacity > 127
    columns, rows = np.flatnonzero(is_sprite.any(0)), np.flatnonzero(is_sprite.any(1))
    edges: Float[np.ndarray, " 4"] = np.array(
        [
            columns[0] - feet[0],
            rows[0] - feet[1],
            columns[-1] + 1 - feet[0],
            rows[-1] + 1 - feet[1],
        ]
    )
    left, top, right, bottom = (edges / height).tolist()
    return left, top, right, bottom
