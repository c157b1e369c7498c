"""The frames of a tracked video as image files, for annotations to train on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

import cv2

from trackformer.data.annotations import AnnotatedData
from trackformer.errors import DataError
from trackformer.video.sources import open_source

JPEG_QUALITY: Final = 95


def with_images(data: AnnotatedData, source: str, folder: Path) -> AnnotatedData:
    """The tracks of one video, every frame with its image.

    Args:
        data: One video.
        source: What was tracked.
        folder: Where the images are written, named by frame number from 1.

    Raises:
        DataError: There are several videos, or the source has fewer frames.
    """
    if len(data.sequences) != 1:
        raise DataError(f"{source}: expected tracks of one video, got {len(data.sequences)}")
    sequence = data.sequences[0]
    frames, size = [], sequence.image_size
    with open_source(source) as video:
        for annotated, frame in zip(sequence.frames, video, strict=False):
            path = folder / f"{frame.frame_index + 1:06d}.jpg"
            bgr = cv2.cvtColor(frame.pixels, cv2.COLOR_RGB2BGR)
            content = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1]
            path.write_bytes(content.tobytes())
            size = (frame.pixels.shape[0], frame.pixels.shape[1])
            frames.append(replace(annotated, image_path=path))
    if len(frames) < len(sequence.frames):
        raise DataError(
            f"{source}: expected {len(sequence.frames)} frames as in the tracks, got {len(frames)}"
        )
    sequence = replace(sequence, frames=tuple(frames), image_size=size)
    return replace(data, sequences=(sequence,))
