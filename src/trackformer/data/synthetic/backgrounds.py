"""What is behind the actors: a photograph, or a street, square or wall made up on the spot."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from trackformer.data.synthetic.sprites import Colour
from trackformer.errors import DataError
from trackformer.image_files import read_image

SUFFIXES: Final = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
MARGIN: Final = 1.5
"""Size of a background over the size of the image, so that the camera may look around."""
HORIZON: Final = 0.42
"""Where the ground of made-up backgrounds begins, in heights of the image from its top."""


def list_photographs(folder: Path) -> tuple[Path, ...]:
    """The images of a folder by name.

    Raises:
        DataError: There is no such folder, or no image in it.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: expected a folder of images, found no folder")
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if not paths:
        raise DataError(f"{folder}: expected images ({', '.join(SUFFIXES)}), found none")
    return tuple(paths)


def photograph(path: Path, image_size: tuple[int, int]) -> UInt8[np.ndarray, "_ _ 3"]:
    """The middle of a photograph at the size of a background."""
    pixels = read_image(path)
    height, width = (round(length * MARGIN) for length in image_size)
    scale = max(height / pixels.shape[0], width / pixels.shape[1])
    size = (max(width, round(pixels.shape[1] * scale)), max(height, round(pixels.shape[0] * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    resized = cv2.resize(pixels, size, interpolation=how)
    top, left = (size[1] - height) // 2, (size[0] - width) // 2
    return np.ascontiguousarray(resized[top : top + height, left : left + width])


def made_up(image_size: tuple[int, int], random: np.random.Generator) -> UInt8[np.ndarray, "_ _ 3"]:
    """A street, a paved square or a cloudy wall, of random colours."""
    height, width = (round(length * MARGIN) for length in image_size)
    pixels = _clouds((height, width), random, _grey(random, 70.0, 190.0), 22.0)
    kind = int(random.integers(4))
    if kind < 3:
        # The margin is the same above and below the image.
        horizon = round(height * (0.5 + (HORIZON - 0.5) / MARGIN))
        pixels[horizon:] = _clouds(
            (height - horizon, width), random, _grey(random, 60.0, 170.0), random.uniform(8, 20)
        )
        if kind < 2:
            _houses(pixels, horizon, random)
        _paving(pixels, horizon, random)
    grain = random.normal(0, 3.5, (height, width, 1))
    return np.asarray(np.clip(pixels + grain, 0, 255).astype(np.uint8))


def _clouds(
    size: tuple[int, int], random: np.random.Generator, colour: Colour, strength: float
) -> Float[np.ndarray, "h w 3"]:
    """A colour that changes slowly from place to place, in waves of several lengths."""
    height, width = size
    field = np.zeros((height, width))
    for cells, weight in ((3, 1.0), (8, 0.6), (24, 0.4), (90, 0.3)):
        coarse = random.normal(0, weight, (max(2, cells * height // width), cells))
        field += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    tint = random.uniform(0.6, 1.1, 3)
    return np.asarray(np.array(colour) + strength * field[..., None] * tint)


def _houses(pixels: Float[np.ndarray, "h w 3"], horizon: int, random: np.random.Generator) -> None:
    """A row of house fronts with windows and doors, painted in place."""
    width, left = pixels.shape[1], 0
    while left < width:
        right = left + round(random.uniform(0.1, 0.28) * width)
        top = round(random.uniform(0.0, 0.5) * horizon)
        wall = np.array(_grey(random, 60.0, 200.0))
        cv2.rectangle(pixels, (left, top), (right, horizon), wall.tolist(), cv2.FILLED)
        pane = (wall * random.uniform(0.35, 0.8) + 10).tolist()
        across, down = round(random.uniform(0.02, 0.045) * width), round(0.12 * horizon)
        for x in range(left + across // 2, right - across, round(across * 1.7)):
            for y in range(top + down // 2, horizon - 2 * down, round(down * 1.6)):
                cv2.rectangle(pixels, (x, y), (x + across, y + down), pane, cv2.FILLED)
        door = round(random.uniform(left, max(left + 1, right - across)))
        door_end = (door + across, horizon)
        cv2.rectangle(pixels, (door, horizon - 2 * down), door_end, pane, cv2.FILLED)
        left = right


def _paving(pixels: Float[np.ndarray, "h w 3"], horizon: int, random: np.random.Generator) -> None:
    """Joints that run to a vanishing point, and some across, painted in place."""
    height, width = pixels.shape[:2]
    joint = (pixels[horizon:].mean((0, 1)) * random.uniform(0.75, 1.2)).tolist()
    vanishing = (round(random.uniform(0.2, 0.8) * width), horizon)
    for x in np.linspace(-2 * width, 3 * width, int(random.integers(12, 50))):
        start = (vanishing[0] + round((x - vanishing[0]) * 0.05), horizon + round(0.05 * height))
        cv2.line(pixels, start, (round(x), height), joint, 1 + height // 400, cv2.LINE_AA)
    for depth in np.geomspace(0.06, 1.0, int(random.integers(4, 14))):
        y = horizon + round(depth * (height - horizon))
        cv2.line(pixels, (0, y), (width, y), joint, 1 + height // 400)


def _grey(random: np.random.Generator, low: float, high: float) -> Colour:
    """A colour of walls and streets: little saturated."""
    red, green, blue = (random.uniform(low, high) + random.uniform(-25, 25, 3)).clip(0, 255)
    return int(red), int(green), int(blue)
