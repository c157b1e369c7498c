"""Where the pixels of annotated frames come from: images beside the annotations, or a video."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from trackformer.data.annotations import AnnotatedData, AnnotatedSequence
from trackformer.errors import ConfigError, DataError
from trackformer.video.sources import open_source


def check_frames(data: AnnotatedData, video: Path | None) -> AnnotatedData:
    """The same data, sure to have pictures, with the video's size where the data told none.

    Args:
        data: What is scored.
        video: Where the frames are instead; None: beside the annotations.

    Raises:
        ConfigError: One video is given for several sequences.
        DataError: There is no picture, or the first of the video cannot be read.
    """
    if video is None:
        for sequence in data.sequences:
            if all(frame.image_path is None and frame.pixels is None for frame in sequence.frames):
                where = sequence.annotation_path or sequence.name
                raise DataError(
                    f"{where}: expected images beside the annotations, to show failures in, got "
                    "none; --video names the video they belong to"
                )
        return data
    if len(data.sequences) != 1:
        raise ConfigError(f"--video: expected one annotated video, got {len(data.sequences)}")
    (sequence,) = data.sequences
    if sequence.image_size is None:
        with open_source(video) as source:
            for frame in source:
                size = (frame.pixels.shape[0], frame.pixels.shape[1])
                sequence = replace(sequence, image_size=size)
                break
    return replace(data, sequences=(sequence,))


def frame_pixels(
    sequence: AnnotatedSequence, wanted: Collection[int], video: Path | None
) -> Iterator[tuple[int, UInt8[np.ndarray, "H W 3"]]]:
    """The RGB pixels of some frames, with their 0-based numbers, in order.

    Raises:
        DataError: One of them is missing or cannot be read.
    """
    if video is None:
        for index in sorted(wanted):
            yield index, sequence.frames[index].read_pixels()
        return
    remaining = set(wanted)
    num_frames = 0
    with open_source(video) as source:
        for frame in source:
            if not remaining:
                return
            num_frames += 1
            if frame.frame_index in remaining:
                remaining.remove(frame.frame_index)
                yield frame.frame_index, frame.pixels
    if remaining:
        raise DataError(
            f"{video}: expected at least {max(remaining) + 1} frames, as many as "
            f"{sequence.name} has, got {num_frames}"
        )
