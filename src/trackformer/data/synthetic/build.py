"""A sequence's scene, built from the settings and its number alone."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from jaxtyping import Float

from trackformer.data.synthetic.backgrounds import list_photographs, made_up, photograph
from trackformer.data.synthetic.casting import Casting
from trackformer.data.synthetic.scene import Scene
from trackformer.data.synthetic.settings import SyntheticSettings
from trackformer.data.synthetic.skills import SceneNumbers, numbers_of

FARTHEST_PAN: Final = 0.2
"""How far the camera turns to each side, in widths of the image."""


@lru_cache(maxsize=8)
def build_scene(settings: SyntheticSettings, index: int) -> Scene:
    """The scene of sequence `index`; asking for the same one again is free."""
    random = np.random.default_rng([settings.seed, index])
    numbers = numbers_of(settings.skill, settings.difficulty, random)
    actors = Casting(numbers, settings.size, settings.frames, random).cast()
    if settings.backgrounds is None:
        background = made_up(settings.size, random)
    else:
        photographs = list_photographs(settings.backgrounds)
        chosen = photographs[int(random.integers(len(photographs)))]
        background = photograph(chosen, settings.size)
    background.flags.writeable = False
    return Scene(
        image_size=settings.size,
        background=background,
        actors=actors,
        camera=_camera(numbers, settings, random),
        light=_light(numbers, settings.frames, random),
        blur=_blur(numbers, settings, random),
    )


def _camera(
    numbers: SceneNumbers, settings: SyntheticSettings, random: np.random.Generator
) -> Float[np.ndarray, "F 3"]:
    height, width = settings.size
    camera = np.zeros((settings.frames, 3))
    camera[:, 2] = 1 + (numbers.zoom - 1) * _wave(settings.frames, random)
    camera[:, :2] = random.uniform(-1, 1, (settings.frames, 2)) * numbers.shake * height
    if numbers.pan > 0:
        # A sine whose greatest speed is `pan`.
        reach = min(FARTHEST_PAN, numbers.pan * settings.frames / 4)
        turn = numbers.pan / reach * np.arange(settings.frames) + random.uniform(0, 2 * np.pi)
        camera[:, 0] += reach * width * np.sin(turn)
    return camera


def _light(
    numbers: SceneNumbers, num_frames: int, random: np.random.Generator
) -> Float[np.ndarray, "F 3"]:
    if numbers.light_swing == 0:
        return np.ones((num_frames, 3))
    swing = numbers.light_swing * (2 * _wave(num_frames, random) - 1)
    flicker = numbers.flicker * random.uniform(-1, 1, num_frames)
    # A little more change in one colour than in another, as at dusk.
    return np.asarray(1 + (swing + flicker)[:, None] * random.uniform(0.8, 1.0, 3))


def _blur(
    numbers: SceneNumbers, settings: SyntheticSettings, random: np.random.Generator
) -> Float[np.ndarray, "F 2"]:
    largest = np.array([numbers.defocus, numbers.motion_blur]) * settings.size[1] / 1000
    waves = [_wave(settings.frames, random) for _ in largest]
    return np.asarray(np.stack(waves, axis=1) * largest)


def _wave(num_frames: int, random: np.random.Generator) -> Float[np.ndarray, " F"]:
    """A slow swing between 0 and 1, of 40 to 80 frames, from a random moment on."""
    turn = 2 * np.pi * (np.arange(num_frames) / random.uniform(40, 80) + random.random())
    return np.asarray(0.5 - 0.5 * np.cos(turn))
