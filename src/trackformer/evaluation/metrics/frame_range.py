"""Scoring a part of every video, such as the half that is kept for validation."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from trackformer.data.annotations import AnnotatedData, AnnotatedSequence, frame_without_objects
from trackformer.data.results import ResultFrame
from trackformer.errors import ConfigError


def frames_in_range(text: str, num_frames: int) -> range:
    """The 0-based frames that `FIRST-LAST` (from 1, both included) or a half names.

    The halves are those that the literature trains and validates on: of an odd or even number of
    frames, the first one has half of them, rounded down, and one more.

    Raises:
        ConfigError: It is neither.
    """
    half = num_frames // 2 + 1
    if text == "first-half":
        return range(half)
    if text == "second-half":
        return range(half, num_frames)
    numbers = re.fullmatch(r"([0-9]+)-([0-9]+)", text)
    if numbers is None or not 1 <= int(numbers[1]) <= int(numbers[2]):
        raise ConfigError(
            f"--frames: expected FIRST-LAST from 1 on, first-half or second-half, got {text!r}"
        )
    return range(int(numbers[1]) - 1, min(int(numbers[2]), num_frames))


def only_frames(data: AnnotatedData, text: str) -> AnnotatedData:
    """The same videos with nothing annotated outside the range: numbers of frames stay."""
    return replace(data, sequences=tuple(_only(entry, text) for entry in data.sequences))


def only_results(
    data: AnnotatedData, results: Mapping[str, Sequence[ResultFrame]], text: str
) -> dict[str, list[ResultFrame]]:
    """The results inside the range."""
    return {
        entry.name: [
            frame
            for frame in results[entry.name]
            if frame.frame_index in frames_in_range(text, len(entry.frames))
        ]
        for entry in data.sequences
    }


def _only(sequence: AnnotatedSequence, text: str) -> AnnotatedSequence:
    inside = frames_in_range(text, len(sequence.frames))
    frames = [
        frame
        if frame.frame_index in inside
        else frame_without_objects(frame.frame_index, frame.image_path)
        for frame in sequence.frames
    ]
    return replace(sequence, frames=tuple(frames))
