"""What the writers of all formats share: file names, sizes, numbers."""

from __future__ import annotations

import re

from trackformer.data.annotations import AnnotatedFrame, AnnotatedSequence
from trackformer.data.formats.parts.image_folders import size_of_first
from trackformer.errors import DataError
from trackformer.frame_files import IMAGE_SUFFIXES


def plain_name(sequence: AnnotatedSequence) -> str:
    """The sequence's name as part of a file name: no folders, no suffix of an image.

    >>> plain_name(AnnotatedSequence("day 1/../a.jpg", (), None, None, is_video=False))
    'day_1_.._a'
    """
    name = re.sub(r"[^\w.\-]+", "_", sequence.name)
    stem, dot, suffix = name.rpartition(".")
    name = stem if f"{dot}{suffix}".lower() in IMAGE_SUFFIXES else name
    # Never a name that leads out of the folder.
    return name if name.strip(".") else f"_{name}"


def image_suffix(frame: AnnotatedFrame) -> str:
    """That of the frame's image; `.jpg` where there is none."""
    return ".jpg" if frame.image_path is None else frame.image_path.suffix


def still_or_frame_name(sequence: AnnotatedSequence, frame: AnnotatedFrame) -> str:
    """For formats that know no videos: NAME_000012 for a frame of one, without suffix."""
    name = plain_name(sequence)
    return f"{name}_{frame.frame_index:06d}" if sequence.is_video else name


def grouped_image_place(sequence: AnnotatedSequence, frame: AnnotatedFrame) -> str:
    """`images/NAME.jpg`, or `images/NAME/000012.jpg` in a video."""
    name = plain_name(sequence)
    if sequence.is_video:
        name = f"{name}/{frame.frame_index:06d}"
    return f"images/{name}{image_suffix(frame)}"


def required_size(sequence: AnnotatedSequence) -> tuple[int, int]:
    """(height, width), from the first image where the annotations did not tell.

    Raises:
        DataError: There is neither.
    """
    paths = (frame.image_path for frame in sequence.frames)
    size = sequence.image_size or size_of_first(paths)
    if size is None:
        raise DataError(
            f"{sequence.name}: expected images, or tracks that tell their size, because the format "
            "to write needs it"
        )
    return size


def number(value: float) -> str:
    """A coordinate as text, to a millionth of a pixel.

    >>> number(12.5), number(3.0), number(-1e-9)
    ('12.5', '3', '0')
    """
    text = f"{value:.6f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
