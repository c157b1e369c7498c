"""Small pictures of annotated frames in rows, to see at a glance what boxes mean."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import UInt8

from trackformer.data.annotations import AnnotatedFrame, AnnotatedSequence
from trackformer.image_files import decode_image
from trackformer.video.drawing import track_colour

WIDTH = 480
IGNORED_COLOUR = (128, 128, 128)
MARK_COLOUR = (255, 0, 0)
JPEG_QUALITY = 80


def annotated_picture(
    sequence: AnnotatedSequence, frame: AnnotatedFrame, marked_id: int | None = None
) -> bytes | None:
    """A JPEG with the boxes of a frame, `WIDTH` pixels wide; None where there is no image.

    Objects have the colour of their id, regions to ignore are grey, and one object may be marked.
    """
    pixels = None if frame.image_path is None else decode_image(frame.image_path)
    if pixels is None:
        return None
    scale = WIDTH / pixels.shape[1]
    height = max(1, round(pixels.shape[0] * scale))
    # Boxes are in pixels of the declared size.
    reach = np.array([WIDTH, height, WIDTH, height], dtype=np.float64)
    declared = sequence.image_size or (pixels.shape[0], pixels.shape[1])
    to_picture = reach / np.array([declared[1], declared[0]] * 2)
    small = cv2.resize(pixels, (WIDTH, height), interpolation=cv2.INTER_AREA)
    for box in frame.ignore_boxes_xyxy:
        _draw_box(small, box * to_picture, IGNORED_COLOUR, 1)
    for box, track_id in zip(frame.boxes_xyxy, frame.track_ids.tolist(), strict=True):
        is_marked = track_id == marked_id
        colour = MARK_COLOUR if is_marked else track_colour(track_id)
        _draw_box(small, box * to_picture, colour, 3 if is_marked else 1)
    bgr = cv2.cvtColor(small, cv2.COLOR_RGB2BGR)
    _, encoded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return encoded.tobytes()


def evenly_spread(
    sequences: Sequence[AnnotatedSequence], count: int
) -> list[tuple[AnnotatedSequence, AnnotatedFrame]]:
    """Frames with objects, evenly spread over all there are."""
    frames = [
        (sequence, frame)
        for sequence in sequences
        for frame in sequence.frames
        if len(frame.boxes_xyxy) and frame.image_path is not None
    ]
    if not frames:
        return []
    rows = np.linspace(0, len(frames) - 1, min(count, len(frames)))
    return [frames[int(row)] for row in rows]


def _draw_box(
    pixels: UInt8[np.ndarray, "H W 3"],
    box: np.ndarray,
    colour: tuple[int, int, int],
    thickness: int,
) -> None:
    """Into the picture itself, which is ours."""
    limit = 2.0 * max(pixels.shape)
    left, top, right, bottom = (round(float(value)) for value in np.clip(box, -limit, limit))
    cv2.rectangle(pixels, (left, top), (right, bottom), colour, thickness)
