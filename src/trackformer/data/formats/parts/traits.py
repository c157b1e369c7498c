"""What annotations can say beside boxes: not every format has room for all of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias

import numpy as np

from trackformer.data.annotations import AnnotatedData, AnnotatedFrame, AnnotatedSequence

Trait: TypeAlias = Literal[
    "still images",
    "videos",
    "track ids",
    "frame rate",
    "class names",
    "spaces in class names",
    "visibility",
    "visible boxes",
    "ignore regions",
    "distractors",
    "other things",
    "outlines",
    "boxes beyond the image",
    "scores",
    "which boxes were filled in",
]


def traits_of(data: AnnotatedData) -> frozenset[Trait]:
    """What these data say."""
    found: set[Trait] = {
        trait for trait, has in _SEQUENCE_TRAITS.items() if any(map(has, data.sequences))
    }
    if data.class_names != ("person",):
        found.add("class names")
    if any(" " in name for name in data.class_names):
        found.add("spaces in class names")
    for sequence in data.sequences:
        for trait, has in _FRAME_TRAITS.items():
            if trait not in found and any(map(has, sequence.frames)):
                found.add(trait)
        if any(_reaches_out(frame, sequence.image_size) for frame in sequence.frames):
            found.add("boxes beyond the image")
    return frozenset(found)


def _reaches_out(frame: AnnotatedFrame, image_size: tuple[int, int] | None) -> bool:
    if image_size is None or not len(frame.boxes_xyxy):
        return False
    low, high = frame.boxes_xyxy[:, :2], frame.boxes_xyxy[:, 2:]
    return bool((low < 0).any() or (high > np.array(image_size[::-1])).any())


_SEQUENCE_TRAITS: Mapping[Trait, Callable[[AnnotatedSequence], bool]] = {
    "still images": lambda sequence: not sequence.is_video,
    "videos": lambda sequence: sequence.is_video,
    "track ids": lambda sequence: sequence.is_video,
    "frame rate": lambda sequence: sequence.frame_rate is not None,
}
_FRAME_TRAITS: Mapping[Trait, Callable[[AnnotatedFrame], bool]] = {
    "visibility": lambda frame: bool((frame.visibility < 1).any()),
    "visible boxes": lambda frame: len(frame.visible_boxes_xyxy) > 0,
    "ignore regions": lambda frame: bool((~frame.ignore_is_distractor).any()),
    "distractors": lambda frame: bool(frame.ignore_is_distractor.any()),
    "other things": lambda frame: len(frame.other_boxes_xyxy) > 0,
    "scores": lambda frame: len(frame.scores) > 0,
    "which boxes were filled in": lambda frame: bool(frame.is_filled.any()),
    "outlines": lambda frame: any(outline is not None for outline in frame.segmentations),
}
