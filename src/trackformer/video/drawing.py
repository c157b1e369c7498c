"""How tracked or detected objects look in a picture."""

from __future__ import annotations

import colorsys
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from jaxtyping import UInt8

from trackformer.objects import Detections, TrackedObjects

MASK_OPACITY: Final = 0.45
_FONT: Final = cv2.FONT_HERSHEY_SIMPLEX
_GOLDEN_RATIO: Final = 0.618034

Colour = tuple[int, int, int]


@dataclass(slots=True)
class _Trail:
    points: deque[tuple[int, int]]
    """Where the object stood, oldest first, in pixels."""
    last_seen: int
    """Number of the `draw` call."""


@dataclass(frozen=True, slots=True)
class Pen:
    """Line widths and letter sizes that suit an image size."""

    thickness: int
    font_scale: float
    font_thickness: int

    @classmethod
    def for_size(cls, image_size: tuple[int, int]) -> Pen:
        """For whole frames of (height, width)."""
        side = min(image_size)
        scale = max(0.35, side / 1300)
        return cls(max(1, round(side / 300)), scale, max(1, round(scale * 2)))


class TrackDrawer:
    """Draws the objects of a video frame by frame, and where each came from.

    Its only state are the trails, so a drawer belongs to one video.
    """

    def __init__(self, class_names: Sequence[str], trail_length: int = 30) -> None:
        """`trail_length` is in frames; 0 for no trails."""
        self.trail_length = trail_length
        self._class_names = tuple(class_names)
        self._trails: dict[int, _Trail] = {}
        self._image_size: tuple[int, ...] = ()
        self._num_drawn = 0

    def draw(
        self, pixels: UInt8[np.ndarray, "H W 3"], objects: TrackedObjects | Detections
    ) -> UInt8[np.ndarray, "H W 3"]:
        """A copy of an RGB image with boxes, labels, masks, and the trails of tracked objects."""
        self._num_drawn += 1
        drawn = np.array(pixels, order="C")
        image_size = drawn.shape[:2]
        if image_size != self._image_size:
            # Where objects stood is in pixels of the size before.
            self._image_size = image_size
            self._trails.clear()
        pen = Pen.for_size(image_size)
        boxes = _corners(objects, image_size)
        colours = [track_colour(key) for key in _colour_keys(objects)]
        if isinstance(objects, TrackedObjects):
            _draw_masks(drawn, objects, colours)
            self._extend_trails(objects, boxes)
            self._draw_trails(drawn, objects, colours, pen)
        for box, colour in zip(boxes, colours, strict=True):
            cv2.rectangle(drawn, box[:2], box[2:], colour, pen.thickness)
        # Labels last: a box must not cross out the name of its neighbour.
        for box, colour, text in zip(boxes, colours, self._labels(objects), strict=True):
            draw_label(drawn, text, box, colour, pen)
        return drawn

    def follow(self, objects: TrackedObjects, image_size: tuple[int, int]) -> None:
        """Go on with the trails only, as if the frame had been drawn."""
        self._num_drawn += 1
        self._image_size = image_size
        self._extend_trails(objects, _corners(objects, image_size))

    def _labels(self, objects: TrackedObjects | Detections) -> list[str]:
        """Like "#7 dog" or "dog 0.93"; without the class where there is only one."""
        classes = [self._class_name(label) for label in objects.labels.tolist()]
        if isinstance(objects, TrackedObjects):
            track_ids = objects.track_ids.tolist()
            return [f"#{i} {name}".strip() for i, name in zip(track_ids, classes, strict=True)]
        scores = objects.scores.tolist()
        return [f"{name} {score:.2f}".strip() for name, score in zip(classes, scores, strict=True)]

    def _class_name(self, label: int) -> str:
        if len(self._class_names) == 1:
            return ""
        return self._class_names[label] if label < len(self._class_names) else str(label)

    def _extend_trails(self, objects: TrackedObjects, boxes: list[tuple[int, ...]]) -> None:
        for track_id, (left, _, right, bottom) in zip(
            objects.track_ids.tolist(), boxes, strict=True
        ):
            trail = self._trails.setdefault(track_id, _Trail(deque(maxlen=self.trail_length), 0))
            trail.points.append(((left + right) // 2, bottom))
            trail.last_seen = self._num_drawn
        oldest = self._num_drawn - self.trail_length
        self._trails = {
            key: trail for key, trail in self._trails.items() if trail.last_seen > oldest
        }

    def _draw_trails(
        self, drawn: np.ndarray, objects: TrackedObjects, colours: list[Colour], pen: Pen
    ) -> None:
        for track_id, colour in zip(objects.track_ids.tolist(), colours, strict=True):
            trail = self._trails.get(track_id)
            if trail is not None:
                points = np.array(trail.points, dtype=np.int32)
                cv2.polylines(drawn, [points], False, colour, pen.thickness, cv2.LINE_AA)  # noqa: FBT003 - cv2 takes no keyword here


def track_colour(track_id: int) -> Colour:
    """RGB colour of an identity: always the same, and far from that of the ids next to it."""
    hue = track_id * _GOLDEN_RATIO % 1
    # Three shades: more than twenty hues cannot be told apart.
    saturation, value = ((0.75, 1.0), (0.95, 0.8), (0.5, 0.95))[track_id % 3]
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)


def _colour_keys(objects: TrackedObjects | Detections) -> list[int]:
    keys = objects.track_ids if isinstance(objects, TrackedObjects) else objects.labels
    return [int(key) for key in keys.tolist()]


def _corners(
    objects: TrackedObjects | Detections, image_size: tuple[int, int]
) -> list[tuple[int, ...]]:
    """Whole-pixel (left, top, right, bottom), at most an image size outside of the image."""
    height, width = image_size
    # OpenCV draws nonsense for coordinates beyond 16 bits, and NaN has no integer.
    boxes = np.nan_to_num(np.asarray(objects.boxes_xyxy, np.float32))
    reach = np.array([width, height, width, height])
    clipped = np.clip(np.rint(boxes), -reach, 2 * reach).astype(int)
    return [tuple(box) for box in clipped.tolist()]


def _draw_masks(drawn: np.ndarray, objects: TrackedObjects, colours: list[Colour]) -> None:
    if objects.masks is None or len(objects) == 0:
        return
    painted = drawn.copy()
    for mask, colour in zip(objects.masks.cpu().numpy(), colours, strict=True):
        # Only where the object is: whole-image masks would take most of the drawing time.
        left, top, width, height = cv2.boundingRect(mask.view(np.uint8))
        area = slice(top, top + height), slice(left, left + width)
        painted[area][mask[area]] = colour
    cv2.addWeighted(painted, MASK_OPACITY, drawn, 1 - MASK_OPACITY, 0, dst=drawn)


def draw_label(
    drawn: np.ndarray, text: str, box: tuple[int, ...], colour: Colour, pen: Pen
) -> None:
    """Text on a filled ground above the box; inside of it where the frame has no room above."""
    height, width = drawn.shape[:2]
    (text_width, text_height), below = cv2.getTextSize(
        text, _FONT, pen.font_scale, pen.font_thickness
    )
    margin = pen.thickness
    label_width, label_height = text_width + 2 * margin, text_height + below + margin
    left = max(0, min(box[0], width - label_width))
    top = box[1] - label_height if box[1] >= label_height else box[1]
    top = max(0, min(top, height - label_height))
    right_bottom = left + label_width - 1, top + label_height - 1
    cv2.rectangle(drawn, (left, top), right_bottom, colour, cv2.FILLED)
    red, green, blue = colour
    is_bright = 0.299 * red + 0.587 * green + 0.114 * blue > 140
    ink = (0, 0, 0) if is_bright else (255, 255, 255)
    origin = left + margin, top + margin + text_height
    cv2.putText(drawn, text, origin, _FONT, pen.font_scale, ink, pen.font_thickness, cv2.LINE_AA)
