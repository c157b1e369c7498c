"""A failure as a strip of pictures: the object before, at and after it, with all boxes around."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from trackformer.data.annotations import AnnotatedFrame
from trackformer.data.results import ResultFrame
from trackformer.evaluation.failures.moments import Moment
from trackformer.video.drawing import Colour, Pen, draw_label, track_colour

SIDE: Final = 240
"""Of one picture, in pixels."""
MARGIN: Final = 2.0
"""Side of what a picture shows, in lengths of the object's longer side."""
LEAST_SHOWN: Final = 48.0
"""Pixels of the frame that a picture shows at least: fewer are only a blur."""
CAPTION_HEIGHT, GAP = 22, 4
TRUTH_COLOUR: Final = (255, 255, 255)
BACKGROUND: Final = (32, 32, 32)
CAPTION_COLOUR, FAILURE_COLOUR = (220, 220, 220), (255, 140, 120)
JPEG_QUALITY: Final = 85

Pixels = UInt8[np.ndarray, "_ _ 3"]


def shown_side(moments: Sequence[Moment]) -> float:
    """How many pixels of the frame a picture of the strip is wide and high."""
    longest = max(float((moment.box_xyxy[2:] - moment.box_xyxy[:2]).max()) for moment in moments)
    return max(LEAST_SHOWN, MARGIN * longest)


def draw_moment(
    pixels: Pixels,
    moment: Moment,
    side: float,
    annotated: AnnotatedFrame,
    result: ResultFrame | None,
    concerned: Collection[int],
) -> Pixels:
    """The surroundings of an object, RGB, with its frame number and visible share below.

    Thin white boxes are annotated; the triangle points at the feet of the object concerned.
    Coloured ones are the tracker's, with the number of their identity, thick for the tracks
    concerned.
    """
    corner, picture = _cut_out(pixels, moment.box_xyxy, side)
    scale = SIDE / side
    offset = np.tile(corner, 2)
    tracks = [] if result is None else _seen_tracks(result, offset, scale, concerned)
    for track in tracks:
        _draw_box(picture, track.box, track_colour(track.track_id), 3 if track.is_concerned else 1)
    for box in scale * (annotated.boxes_xyxy - offset):
        _draw_box(picture, _whole(box), TRUTH_COLOUR, 1)
    # After all boxes: none may cross out a number.
    for track in tracks:
        pen = Pen(thickness=1, font_scale=0.45 if track.is_concerned else 0.35, font_thickness=1)
        draw_label(picture, f"#{track.track_id}", track.box, track_colour(track.track_id), pen)
    _mark(picture, scale * (moment.box_xyxy - offset))
    return np.concatenate([picture, _caption(moment)])


def joined(pictures: Sequence[Pixels]) -> Pixels:
    """Pictures side by side."""
    gap = np.full((len(pictures[0]), GAP, 3), BACKGROUND, dtype=np.uint8)
    parts = [part for picture in pictures for part in (gap, picture)]
    return np.concatenate(parts[1:], axis=1)


def titled(strip: Pixels, text: str) -> Pixels:
    """A line of text above a strip; letters that OpenCV cannot draw become question marks."""
    line = np.full((CAPTION_HEIGHT, strip.shape[1], 3), BACKGROUND, dtype=np.uint8)
    _write(line, text.encode("ascii", "replace").decode(), CAPTION_COLOUR)
    return np.concatenate([line, strip])


def as_jpeg(pixels: Pixels) -> bytes:
    """The content of a JPEG file."""
    bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    return bytes(cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes())


def _cut_out(
    pixels: Pixels, box_xyxy: Float[np.ndarray, " 4"], side: float
) -> tuple[Float[np.ndarray, " 2"], Pixels]:
    """A square around a box, moved into the image where it fits, and its left top corner."""
    size = np.array([pixels.shape[1], pixels.shape[0]])
    low = (box_xyxy[:2] + box_xyxy[2:]) / 2 - side / 2
    low = np.where(size >= side, np.clip(low, 0, np.maximum(size - side, 0)), (size - side) / 2)
    low = np.round(low)
    high = np.round(low + side)
    inside_low, inside_high = (np.clip(edge, 0, size).astype(int) for edge in (low, high))
    part = pixels[inside_low[1] : inside_high[1], inside_low[0] : inside_high[0]]
    (left, top), (right, bottom) = (inside_low - low).astype(int), (high - inside_high).astype(int)
    padded = cv2.copyMakeBorder(
        part, top, bottom, left, right, cv2.BORDER_CONSTANT, value=BACKGROUND
    )
    how = cv2.INTER_AREA if side > SIDE else cv2.INTER_CUBIC
    return low, cv2.resize(padded, (SIDE, SIDE), interpolation=how)


@dataclass(frozen=True, slots=True, order=True)
class _SeenTrack:
    """One result in a picture."""

    is_concerned: bool
    track_id: int
    box: tuple[int, int, int, int]
    """Left, top, right, bottom in pixels of the picture."""


def _seen_tracks(
    result: ResultFrame,
    offset: Float[np.ndarray, " 4"],
    scale: float,
    concerned: Collection[int],
) -> list[_SeenTrack]:
    """Those that reach into the picture; the ones concerned last, to be drawn above the others."""
    boxes = scale * (result.boxes_xyxy - offset)
    return sorted(
        _SeenTrack(track_id in concerned, track_id, _whole(box))
        for box, track_id in zip(boxes, result.track_ids.tolist(), strict=True)
        if (box[:2] < SIDE).all() and (box[2:] > 0).all()
    )


def _draw_box(
    picture: Pixels, box: tuple[int, int, int, int], colour: Colour, thickness: int
) -> None:
    """Into the picture itself."""
    cv2.rectangle(picture, box[:2], box[2:], colour, thickness)


def _mark(picture: Pixels, box_xyxy: Float[np.ndarray, " 4"]) -> None:
    """A white triangle with a dark rim that points at the lower edge of a box from below.

    From inside the box where the picture has no room below it.
    """
    left, _, right, bottom = _whole(box_xyxy)
    x = int(np.clip((left + right) // 2, 10, SIDE - 10))
    tip = int(np.clip(bottom + 3, 0, SIDE - 17))
    triangle = np.array([[x, tip], [x - 8, tip + 14], [x + 8, tip + 14]])
    cv2.fillConvexPoly(picture, triangle, TRUTH_COLOUR, cv2.LINE_AA)
    cv2.polylines(picture, [triangle], isClosed=True, color=(0, 0, 0), lineType=cv2.LINE_AA)


def _caption(moment: Moment) -> Pixels:
    strip = np.full((CAPTION_HEIGHT, SIDE, 3), BACKGROUND, dtype=np.uint8)
    seen = "not annotated" if moment.visible is None else f"{100 * moment.visible:.0f} % visible"
    text = f"frame {moment.frame_index + 1}, {seen}"
    colour = FAILURE_COLOUR if moment.is_failure else CAPTION_COLOUR
    _write(strip, text, colour)
    return strip


def _write(line: Pixels, text: str, colour: Colour) -> None:
    """Into the line itself."""
    cv2.putText(line, text, (4, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, 1, cv2.LINE_AA)


def _whole(box_xyxy: Float[np.ndarray, " 4"]) -> tuple[int, int, int, int]:
    """Whole pixels within 16 bits: OpenCV draws nonsense beyond."""
    left, top, right, bottom = np.clip(np.rint(box_xyxy), -9999, 9999).astype(int).tolist()
    return left, top, right, bottom
