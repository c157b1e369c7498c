"""Where the crops of a clip lie, frame by frame: drawn before any image is read."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from trackformer.data.clips.settings import ClipSettings
from trackformer.data.clips.transforms import Crop, whole_frame_crop


@dataclass(frozen=True, slots=True, eq=False)
class CropPath:
    """A window and its way through the frames, in shares of sizes that are not known yet."""

    zoom: float
    """1 shows the whole frame."""
    is_mirrored: bool
    place: tuple[float, float]
    """(x, y) of the first window within its reach: 0 at the left and top, 1 at the other end."""
    steps: Float[np.ndarray, "_ 2"]
    """(x, y) of each later window from the first one, in shares of the window's size."""
    growths: tuple[float, ...]
    """Size of each later window relative to the first."""

    def crops(self, image_size: tuple[int, int], canvas: tuple[int, int]) -> list[Crop]:
        """One crop per frame of (height, width) for a canvas of (height, width)."""
        whole = whole_frame_crop(image_size, canvas)
        width, height = whole.width / self.zoom, whole.height / self.zoom
        # The window lies inside the image where it fits, and covers it where it does not.
        left = _between(image_size[1] - width, self.place[0])
        top = _between(image_size[0] - height, self.place[1])
        first = Crop(left, top, width, height, self.is_mirrored)
        return [first] + [
            replace(
                first,
                left=left + step[0] * width - (growth - 1) * width / 2,
                top=top + step[1] * height - (growth - 1) * height / 2,
                width=width * growth,
                height=height * growth,
            )
            for step, growth in zip(self.steps, self.growths, strict=True)
        ]


def draw_video_path(length: int, settings: ClipSettings, random: np.random.Generator) -> CropPath:
    """A random window that drifts a little, as a camera does."""
    zoom, is_mirrored, place = _draw_window(settings, random)
    reach = settings.camera_jitter
    steps = random.uniform(-reach, reach, size=(length - 1, 2)).cumsum(axis=0)
    return CropPath(zoom, is_mirrored, place, steps, (1.0,) * (length - 1))


def draw_still_path(length: int, settings: ClipSettings, random: np.random.Generator) -> CropPath:
    """A random window that moves a lot: the only motion that a still image can have."""
    zoom, is_mirrored, place = _draw_window(settings, random)
    reach = settings.still_motion
    # Even motion with some shake, so that velocities mean something.
    drift, shake = random.uniform(-reach, reach, size=2), reach / 10
    even = np.arange(1, length)[:, None] * drift
    steps = even + random.uniform(-shake, shake, size=(length - 1, 2))
    growth = 1 + random.uniform(-reach, reach) / 2
    return CropPath(
        zoom, is_mirrored, place, steps, tuple(growth**frame for frame in range(1, length))
    )


def _draw_window(
    settings: ClipSettings, random: np.random.Generator
) -> tuple[float, bool, tuple[float, float]]:
    zoom = math.exp(random.uniform(math.log(settings.zoom[0]), math.log(settings.zoom[1])))
    is_mirrored = bool(random.random() < settings.flip_rate)
    return zoom, is_mirrored, (random.random(), random.random())


def _between(room: float, share: float) -> float:
    """A place between 0 and `room`, which is negative for windows larger than the image."""
    low, high = min(0.0, room), max(0.0, room)
    return low + (high - low) * share
