"""One frame of a scene: its pixels and the exact truth about them, for any frame in any order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from trackformer.data.synthetic.scene import Actor, Scene
from trackformer.data.synthetic.sprites import texture_at_phase

HALF_OPAQUE: Final = 128
"""Pixels of at least this opacity belong to the sprite."""


@dataclass(frozen=True, slots=True, eq=False)
class RenderedFrame:
    """An image and its objects in the order of their ids.

    An object is listed while any part of it would be inside the image if nothing hid it.
    """

    pixels: UInt8[np.ndarray, "H W 3"]
    """RGB."""
    boxes_xyxy: Float[np.ndarray, "G 4"]
    """Of the whole object, with what is hidden or outside the image."""
    class_names: tuple[str, ...]
    track_ids: Int[np.ndarray, " G"]
    visibility: Float[np.ndarray, " G"]
    """Pixels that can be seen over pixels of the whole object."""
    shown_ids: Int[np.ndarray, "H W"]
    """Id of the object that each pixel shows, 0 for none."""

    def mask(self, track_id: int) -> Bool[np.ndarray, "H W"]:
        """Pixels that show an object."""
        return np.asarray(self.shown_ids == track_id)


@dataclass(frozen=True, slots=True)
class _Found:
    """What drawing an actor tells about it."""

    actor: Actor
    box_xyxy: tuple[float, float, float, float]
    num_pixels: int
    """Of the whole sprite, also outside the image."""


def render(scene: Scene, frame_index: int) -> RenderedFrame:
    """Draw one frame."""
    view = _View.of(scene, frame_index)
    pixels = view.background(scene)
    shown_ids = np.zeros(scene.image_size, dtype=np.int32)
    found = []
    present = [actor for actor in scene.actors if actor.trajectory.is_present(frame_index)]
    # Far to near; the id decides where the feet are level, so that the order never flickers.
    for actor in sorted(present, key=lambda actor: _depth(actor, frame_index)):
        drawn = _draw(actor, frame_index, view, pixels, shown_ids)
        if drawn is not None and actor.track_id > 0:
            found.append(drawn)
    found.sort(key=lambda drawn: drawn.actor.track_id)
    pixels = _expose(_blurred(pixels, scene.blur[frame_index]), scene.light[frame_index])
    num_shown = np.bincount(shown_ids.ravel()) if found else np.zeros(0, dtype=np.int64)
    shown = {identity: int(count) for identity, count in enumerate(num_shown)}
    return RenderedFrame(
        pixels=pixels,
        boxes_xyxy=np.array([drawn.box_xyxy for drawn in found]).reshape(-1, 4),
        class_names=tuple(drawn.actor.class_name for drawn in found),
        track_ids=np.array([drawn.actor.track_id for drawn in found], dtype=np.int64),
        visibility=np.array([_share(drawn, shown) for drawn in found]),
        shown_ids=shown_ids,
    )


@dataclass(frozen=True, slots=True)
class _View:
    """From world to image coordinates: image = zoom · world + shift."""

    zoom: float
    shift: tuple[float, float]

    @staticmethod
    def of(scene: Scene, frame_index: int) -> _View:
        height, width = scene.image_size
        x, y, zoom = (float(number) for number in scene.camera[frame_index])
        return _View(
            zoom, (width / 2 - zoom * (width / 2 + x), height / 2 - zoom * (height / 2 + y))
        )

    def image_point(self, point: tuple[float, float]) -> tuple[float, float]:
        return self.zoom * point[0] + self.shift[0], self.zoom * point[1] + self.shift[1]

    def background(self, scene: Scene) -> UInt8[np.ndarray, "H W 3"]:
        height, width = scene.image_size
        rows, columns = scene.background.shape[:2]
        left, top = self.image_point(((width - columns) / 2, (height - rows) / 2))
        # OpenCV counts from the middle of a pixel, we from its edge.
        half = (self.zoom - 1) / 2
        matrix = np.array([[self.zoom, 0, left + half], [0, self.zoom, top + half]])
        return np.asarray(
            cv2.warpAffine(
                scene.background,
                matrix,
                (width, height),
                flags=cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_REFLECT_101,
            )
        )


def _depth(actor: Actor, time: int) -> tuple[float, int]:
    return actor.trajectory.feet(time)[1], actor.track_id


def _draw(
    actor: Actor,
    time: int,
    view: _View,
    pixels: UInt8[np.ndarray, "H W 3"],
    shown_ids: Int[np.ndarray, "H W"],
) -> _Found | None:
    """Draw an actor over what is there; None where no part of it is inside the image."""
    path, height = actor.trajectory, actor.height * view.zoom
    walked, is_moving = path.walked(time) / actor.height, path.is_moving(time)
    texture = texture_at_phase(actor.sprite, walked, height, is_moving=is_moving)
    scale, facing = height / texture.height, path.direction(time)
    x, y = view.image_point(path.feet(time))
    left, top, right, bottom = texture.extent
    sides = sorted((x + facing * left * height, x + facing * right * height))
    box = (sides[0], y + top * height, sides[1], y + bottom * height)
    low = np.floor([box[0], box[1]]).astype(int) - 2
    high = np.ceil([box[2], box[3]]).astype(int) + 2
    rows, columns = shown_ids.shape
    start, stop = np.maximum(low, 0), np.minimum(high, [columns, rows])
    if (start >= stop).any():
        return None
    feet_x, feet_y = texture.feet[0] - 0.5, texture.feet[1] - 0.5
    matrix = np.array(
        [
            [facing * scale, 0, x - low[0] - 0.5 - facing * scale * feet_x],
            [0, scale, y - low[1] - 0.5 - scale * feet_y],
        ]
    )
    sprite = cv2.warpAffine(texture.pixels, matrix, (high - low).tolist(), flags=cv2.INTER_LINEAR)
    is_sprite = sprite[..., 3] >= HALF_OPAQUE
    inside = np.s_[start[1] - low[1] : stop[1] - low[1], start[0] - low[0] : stop[0] - low[0]]
    target = np.s_[start[1] : stop[1], start[0] : stop[0]]
    if not is_sprite[inside].any():
        return None
    _blend(pixels[target], sprite[inside])
    shown_ids[target][is_sprite[inside]] = actor.track_id
    return _Found(actor, box, int(np.count_nonzero(is_sprite)))


def _blend(target: UInt8[np.ndarray, "h w 3"], sprite: UInt8[np.ndarray, "h w 4"]) -> None:
    """Paint a sprite, whose colours are multiplied by their opacity, over `target` in place."""
    clear = cv2.cvtColor(255 - sprite[..., 3], cv2.COLOR_GRAY2BGR)
    cv2.multiply(target, clear, dst=clear, scale=1 / 255)
    target[:] = cv2.add(clear, cv2.cvtColor(sprite, cv2.COLOR_BGRA2BGR))


def _share(found: _Found, num_shown: Mapping[int, int]) -> float:
    return num_shown.get(found.actor.track_id, 0) / found.num_pixels


def _blurred(
    pixels: UInt8[np.ndarray, "H W 3"], blur: Float[np.ndarray, " 2"]
) -> UInt8[np.ndarray, "H W 3"]:
    defocus, motion = float(blur[0]), round(float(blur[1]))
    if defocus > 0:
        pixels = cv2.GaussianBlur(pixels, (0, 0), defocus)
    if motion > 1:
        pixels = cv2.blur(pixels, (motion, 1))
    return pixels


def _expose(
    pixels: UInt8[np.ndarray, "H W 3"], light: Float[np.ndarray, " 3"]
) -> UInt8[np.ndarray, "H W 3"]:
    if (light == 1).all():
        return pixels
    levels = np.clip(np.arange(256)[:, None] * light, 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(pixels, levels[:, None]))
