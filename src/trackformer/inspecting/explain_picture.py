"""An explanation as a picture: where the query looked, one part for each decoder layer."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8

from trackformer.boxes import cxcywh_to_xyxy
from trackformer.inspecting.explain import Explanation
from trackformer.video.drawing import Pen, draw_label

HEIGHT: Final = 480
COLOURS: Final = ((255, 212, 0), (0, 200, 255), (255, 90, 160), (120, 255, 120))
"""RGB of the points of each level, finest first."""
BOX, BEFORE, LABEL = (255, 255, 255), (160, 160, 160), (40, 40, 40)

Pixels = UInt8[np.ndarray, "_ _ 3"]


def picture_of(made: Explanation) -> Pixels:
    """The surroundings of the query's box, layer by layer, RGB.

    Points are coloured by level, as large as their weight; a DETR's cells are bright where it
    looked. The box is white, grey the one it began from.
    """
    count = max(len(made.points), len(made.maps))
    parts = [_part(made, layer) for layer in range(count)]
    gap = np.full((HEIGHT, 4, 3), 255, dtype=np.uint8)
    return np.concatenate([each for part in parts for each in (gap, part)][1:], axis=1)


def _part(made: Explanation, layer: int) -> Pixels:
    layers = made.query.layers
    answered = layers[min(layer, len(layers) - 1)]
    size = np.array(made.frame.image_size[::-1])
    corners = _corners(answered.box, size)
    low, high = _window(_corners(layers[-1].box, size), size)
    scale = HEIGHT / (high[1] - low[1])
    shown = made.pixels[low[1] : high[1], low[0] : high[0]]
    width = max(1, round((high[0] - low[0]) * scale))
    picture: Pixels = cv2.resize(shown, (width, HEIGHT), interpolation=cv2.INTER_CUBIC)
    if made.maps:
        picture = _brightened(picture, made, layer, (low, high))
    if made.query.reference is not None and len(made.query.reference) == 4:
        _draw(picture, (_corners(made.query.reference, size) - np.tile(low, 2)) * scale, BEFORE)
    _draw(picture, (corners - np.tile(low, 2)) * scale, BOX)
    if made.points:
        sampled = made.points[layer]
        for level in range(sampled.points.shape[1]):
            places = sampled.points[:, level].flatten(0, 1).numpy() * size
            weights = sampled.weights[:, level].flatten().numpy()
            for place, weight in zip((places - low) * scale, weights, strict=True):
                colour = COLOURS[level % len(COLOURS)]
                _dot(picture, place, float(weight), colour)
    text = f"layer {layer + 1}: score {answered.score:.2f}"
    draw_label(picture, text, (0, 0, 0, 0), LABEL, Pen(2, 0.5, 1))
    return picture


def _corners(
    box: tuple[float, ...], size: Float[np.ndarray, " 2"] | np.ndarray
) -> Float[np.ndarray, " 4"]:
    relative: Float[np.ndarray, " 4"] = cxcywh_to_xyxy(torch.tensor(box)).numpy()
    corners: Float[np.ndarray, " 4"] = np.multiply(relative, np.tile(size, 2))
    return corners


def _window(corners: np.ndarray, size: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Twice the box around it, inside the frame, in whole pixels."""
    centre, side = (corners[:2] + corners[2:]) / 2, max(corners[3] - corners[1], 24.0)
    reach = np.array([0.8 * side, side])
    low = np.clip(centre - reach, 0, size - 2).astype(int)
    high = np.clip(centre + reach, low + 2, size).astype(int)
    return low, high


def _dot(picture: Pixels, place: np.ndarray, weight: float, colour: tuple[int, int, int]) -> None:
    """Into the picture itself."""
    x, y = (int(side) for side in np.clip(np.rint(place), -9999, 9999))
    radius = max(1, round(2 + 18 * weight**0.5 / 2))
    cv2.circle(picture, (x, y), radius + 1, (0, 0, 0), 1, cv2.LINE_AA)
    cv2.circle(picture, (x, y), radius, colour, cv2.FILLED, cv2.LINE_AA)


def _draw(picture: Pixels, corners: np.ndarray, colour: tuple[int, int, int]) -> None:
    """Into the picture itself."""
    left, top, right, bottom = (int(side) for side in np.rint(corners))
    cv2.rectangle(picture, (left, top), (right, bottom), colour, 2)


def _brightened(
    picture: Pixels, made: Explanation, layer: int, window: tuple[np.ndarray, np.ndarray]
) -> Pixels:
    """Dark where a DETR did not look."""
    weights = made.maps[layer].mean(0).float().numpy()
    low, high = window
    height, width = made.frame.image_size
    whole = cv2.resize(weights, (width, height), interpolation=cv2.INTER_LINEAR)
    part = whole[low[1] : high[1], low[0] : high[0]]
    fitted = cv2.resize(part / max(float(whole.max()), 1e-9), picture.shape[1::-1])
    lit: Pixels = (picture * (0.25 + 0.75 * fitted[..., None])).astype(np.uint8)
    return lit
