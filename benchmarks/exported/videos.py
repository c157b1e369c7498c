"""What is tracked: annotated videos of a user, or the bundled clip; reading them is timed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from trackformer.data.annotations import AnnotatedData, AnnotatedSequence
from trackformer.data.formats.mot.reading import read_mot_file
from trackformer.data.read import read_annotations
from trackformer.demo_clip import clip_file, ground_truth_file
from trackformer.video.sources import open_source

CLIP_FRAMES = 120


@dataclass(slots=True)
class Videos:
    """All frames of all videos, in order."""

    data: AnnotatedData
    is_clip: bool
    seconds: list[float]
    """Of the processor, for reading each frame so far."""

    def frames(self, video: AnnotatedSequence) -> Iterator[Any]:
        """The pixels of one of `data.sequences`, timed as they are asked for."""
        if not self.is_clip:
            yield from self._timed(frame.read_pixels() for frame in video.frames)
            return
        with clip_file() as path, open_source(path) as source:
            yield from self._timed(frame.pixels for frame in source)

    def _timed(self, frames: Iterator[Any]) -> Iterator[Any]:
        while True:
            start = time.process_time()
            pixels = next(frames, None)
            if pixels is None:
                return
            self.seconds.append(time.process_time() - start)
            yield pixels


def videos_in(folder: Path | None, num_frames: int | None) -> Videos:
    """Annotated videos of any known format; None: the bundled clip.

    Args:
        folder: Where they lie.
        num_frames: So many of each, from the first; None: all.
    """
    if folder is None:
        with ground_truth_file() as path:
            data = read_mot_file(path, CLIP_FRAMES)
    else:
        data = read_annotations(folder)
    if num_frames is not None:
        sequences = tuple(_first(each, num_frames) for each in data.sequences)
        data = AnnotatedData(sequences, data.class_names)
    return Videos(data, folder is None, [])


def _first(video: AnnotatedSequence, num_frames: int) -> AnnotatedSequence:
    return replace(video, frames=tuple(islice(video.frames, num_frames)))
