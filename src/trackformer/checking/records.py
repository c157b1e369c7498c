"""What the checks look at, and what they find."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from jaxtyping import Float, Int, UInt8

from trackformer.data.annotations import AnnotatedData, AnnotatedFrame, AnnotatedSequence
from trackformer.data.formats.parts.malformed import MalformedError
from trackformer.input_settings import InputSettings

Severity: TypeAlias = Literal["error", "warning", "note"]
"""error: training would fail, or learn something false without a word; warning: probably not meant;
note: good to know."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where something was found."""

    where: str
    """For people: file with line or annotation, or sequence with frame and id."""
    sequence: str | None = None
    frame_index: int | None = None
    track_id: int | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One kind of mistake, with all places."""

    check: str
    """Name of the kind, for programs."""
    severity: Severity
    what: str
    """One line for people, with numbers."""
    remedy: str
    """What to do about it."""
    places: tuple[Place, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class ImageFacts:
    """What one look at an image file tells."""

    size: tuple[int, int] | None
    """(height, width) of the file; None where it cannot be read."""
    fingerprint: Int[np.ndarray, " 64"]
    """Perceptual hash: 64 signs, 1 or -1, of which pictures that look alike share nearly all."""
    thumbnail: UInt8[np.ndarray, "32 32"]
    """Grey."""
    num_pictures: int = 1
    """More for a stack or an animation, of which only the first would be used."""


@dataclass(frozen=True, slots=True)
class ModelLimits:
    """What a model can take."""

    name: str
    num_queries: int
    """Objects that it can find in a frame."""
    class_names: tuple[str, ...]
    input: InputSettings


@dataclass(frozen=True, slots=True, eq=False)
class Inspected:
    """Everything that a check may look at."""

    data: AnnotatedData
    mistakes: tuple[MalformedError, ...]
    """What the reader had to leave out."""
    images: Mapping[Path, ImageFacts]
    model: ModelLimits | None = None
    validation: Inspected | None = None


Check: TypeAlias = Callable[[Inspected], Iterator[Finding]]
"""A pure function: the same data, the same findings."""


@dataclass(frozen=True, slots=True, eq=False)
class BoxTable:
    """All objects of a sequence, one in a row, in order of id and frame."""

    frames: Int[np.ndarray, " boxes"]
    track_ids: Int[np.ndarray, " boxes"]
    labels: Int[np.ndarray, " boxes"]
    boxes_xyxy: Float[np.ndarray, "boxes 4"]

    @property
    def sizes(self) -> Float[np.ndarray, "boxes 2"]:
        """Width and height."""
        return np.asarray(self.boxes_xyxy[:, 2:] - self.boxes_xyxy[:, :2])

    @property
    def centres(self) -> Float[np.ndarray, "boxes 2"]:
        """X and y."""
        return np.asarray((self.boxes_xyxy[:, :2] + self.boxes_xyxy[:, 2:]) / 2)


def box_table(sequence: AnnotatedSequence) -> BoxTable:
    """The objects of all frames together."""
    counts = [len(frame.track_ids) for frame in sequence.frames]
    frames = np.repeat(np.arange(len(counts)), counts)
    ids = _joined([frame.track_ids for frame in sequence.frames])
    order = np.lexsort((frames, ids))
    return BoxTable(
        frames=frames[order],
        track_ids=ids[order],
        labels=_joined([frame.labels for frame in sequence.frames])[order],
        boxes_xyxy=np.concatenate(
            [np.zeros((0, 4)), *(frame.boxes_xyxy for frame in sequence.frames)]
        )[order],
    )


def videos(data: AnnotatedData) -> Iterator[AnnotatedSequence]:
    """The sequences whose ids mean something."""
    return (sequence for sequence in data.sequences if sequence.is_video)


def frame_place(
    sequence: AnnotatedSequence, frame: AnnotatedFrame, track_id: int | None = None
) -> Place:
    """A frame by its image's name, or by its number where it has none; with the object's id."""
    image = frame.image_path
    name = f"frame index {frame.frame_index}" if image is None else image.name
    where = f"{sequence.annotation_path or sequence.name}: {sequence.name}, {name}"
    if not sequence.is_video:
        where = f"{sequence.annotation_path or sequence.name}: {sequence.name}"
    elif track_id is not None:
        where += f", id {track_id}"
    return Place(where, sequence.name, frame.frame_index, track_id)


def _joined(arrays: list[Int[np.ndarray, " _"]]) -> Int[np.ndarray, " _"]:
    return np.concatenate([np.zeros(0, dtype=np.int64), *arrays])
