"""What annotated data look like once read, whichever format they came in.

Torch-free: training turns these records into tensors, evaluation reads them as they are.
Axis letters: G objects, I ignore regions, O other boxes, V visible boxes,
S scores, F flags.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, SupportsIndex, overload, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from trackformer.data.masks import Segmentation
from trackformer.errors import DataError
from trackformer.image_files import read_image


@dataclass(frozen=True, slots=True, eq=False)
class AnnotatedFrame:
    """One image and everything annotated in it; boxes in 0-based pixels, left top right bottom."""

    frame_index: int
    """0-based; `sequence.frames[i].frame_index == i`."""
    image_path: Path | None
    """None where the image is in no file (`pixels`), or only the annotations are at hand: enough
    to evaluate, not to train."""
    boxes_xyxy: Float[np.ndarray, "G 4"]
    """The objects, in the order of the file. Have an area; may reach beyond the image."""
    labels: Int[np.ndarray, " G"]
    """Class index into `AnnotatedData.class_names`."""
    track_ids: Int[np.ndarray, " G"]
    """Identity within the sequence, at least 0; unique within a frame."""
    visibility: Float[np.ndarray, " G"]
    """Share of the object that can be seen, [0, 1]; 1 where the data do not say."""
    ignore_boxes_xyxy: Float[np.ndarray, "I 4"]
    """Regions where unannotated or doubtful objects are: a detection there is no mistake."""
    ignore_is_distractor: Bool[np.ndarray, " I"]
    """Evaluation drops a result that matches a distractor, as MOTChallenge does. It counts one that
    matches another ignore region as a false positive, also as MOTChallenge does."""
    other_boxes_xyxy: Float[np.ndarray, "O 4"]
    """Annotated things that are neither objects nor ignore regions: vehicles, occluders.
    A detection of one is a mistake; evaluation lets them compete with distractors for results."""
    segmentations: tuple[Segmentation | None, ...] = ()
    """Outline of each object for `masks.decode_mask`; empty where the format has none."""
    ignore_segmentations: tuple[Segmentation | None, ...] = ()
    """Outline of each ignore region; empty where the format has none."""
    visible_boxes_xyxy: Float[np.ndarray, "V 4"] = field(default_factory=lambda: np.zeros((0, 4)))
    """The part of each object that can be seen, where `boxes_xyxy` are whole objects; V = G, or 0
    where the format has none."""
    scores: Float[np.ndarray, " S"] = field(default_factory=lambda: np.zeros(0))
    """How sure a tracker was of each object, [0, 1]; S = G, or 0 where the data tell no scores."""
    is_filled: Bool[np.ndarray, " F"] = field(default_factory=lambda: np.zeros(0, dtype=bool))
    """Objects that were not seen here: a box between two that were; F = G, or 0 where none is."""
    pixels: UInt8[np.ndarray, "H W 3"] | None = None
    """The image itself, RGB, where it is in no file."""

    def only(self, chosen: Bool[np.ndarray, " G"]) -> AnnotatedFrame:
        """The same frame with some of its objects."""
        rows = np.flatnonzero(chosen)
        return replace(
            self,
            boxes_xyxy=self.boxes_xyxy[rows],
            labels=self.labels[rows],
            track_ids=self.track_ids[rows],
            visibility=self.visibility[rows],
            segmentations=tuple(self.segmentations[row] for row in rows if self.segmentations),
            visible_boxes_xyxy=_chosen(self.visible_boxes_xyxy, rows),
            scores=_chosen(self.scores, rows),
            is_filled=_chosen(self.is_filled, rows),
        )

    def read_pixels(self) -> UInt8[np.ndarray, "H W 3"]:
        """The RGB pixels of the image.

        Raises:
            DataError: There is no image, or its file cannot be read.
        """
        if self.pixels is not None:
            return self.pixels
        if self.image_path is None:
            raise DataError(f"frame {self.frame_index + 1}: expected images, got annotations only")
        return read_image(self.image_path)


def _chosen(values: np.ndarray, rows: Int[np.ndarray, " _"]) -> np.ndarray:
    """Rows of what may be empty, because the data do not say it."""
    return values[rows] if len(values) else values


@runtime_checkable
class Frames(Protocol):
    """Frames in order: a tuple, or frames that are drawn when they are asked for."""

    def __len__(self) -> int:
        """How many."""

    @overload
    def __getitem__(self, row: SupportsIndex, /) -> AnnotatedFrame: ...

    @overload
    def __getitem__(self, row: slice[Any, Any, Any], /) -> tuple[AnnotatedFrame, ...]: ...

    def __iter__(self) -> Iterator[AnnotatedFrame]:
        """All in order."""


@dataclass(frozen=True, slots=True, eq=False)
class AnnotatedSequence:
    """The frames of one video in order, or one still image."""

    name: str
    frames: Frames
    image_size: tuple[int, int] | None
    """(height, width), the same for all frames; None where there are no images."""
    frame_rate: float | None
    """Frames per second; None where the data do not say."""
    is_video: bool
    """False: a still image, whose track ids mean nothing beyond it."""
    forgives_ignored: bool = False
    """Evaluation drops an unmatched result that lies more than half inside an ignore region, as
    KITTI and BDD100K do. False: a false positive like any other, as in MOTChallenge."""
    annotation_path: Path | None = None
    """The file the annotations came from."""
    image_root: Path | None = None
    """The folder of the images, where the format has it elsewhere than in the data's own."""


@dataclass(frozen=True, slots=True, eq=False)
class AnnotatedData:
    """All sequences of a data set and the names of their classes."""

    sequences: tuple[AnnotatedSequence, ...]
    class_names: tuple[str, ...]


def frame_without_objects(frame_index: int, image_path: Path | None) -> AnnotatedFrame:
    """A frame in which nothing is annotated."""
    return AnnotatedFrame(
        frame_index=frame_index,
        image_path=image_path,
        boxes_xyxy=np.zeros((0, 4)),
        labels=np.zeros(0, dtype=np.int64),
        track_ids=np.zeros(0, dtype=np.int64),
        visibility=np.zeros(0),
        ignore_boxes_xyxy=np.zeros((0, 4)),
        ignore_is_distractor=np.zeros(0, dtype=bool),
        other_boxes_xyxy=np.zeros((0, 4)),
    )
