"""What a teacher sees, added to what is annotated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float, Shaped

from trackformer.boxes import pairwise_iou, share_inside
from trackformer.data.annotations import AnnotatedData, AnnotatedFrame, AnnotatedSequence
from trackformer.data.results import ResultFrame
from trackformer.errors import DataError
from trackformer.training.teacher.settings import LabelSettings


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """A teacher's answer for one image."""

    boxes_xyxy: Float[np.ndarray, "F 4"]
    """In pixels of the image."""
    scores: Float[np.ndarray, " F"]

    def select(self, keep: Bool[np.ndarray, " F"]) -> Found:
        """Some of the boxes."""
        return Found(self.boxes_xyxy[keep], self.scores[keep])


@runtime_checkable
class Teacher(Protocol):
    """Whoever finds objects of the one class that is labelled."""

    def find(self, frame: AnnotatedFrame) -> Found:
        """All boxes of `LabelSettings.ignore_score` or more in a frame with an image."""


def with_labels_of(
    teacher: Teacher,
    data: AnnotatedData,
    settings: LabelSettings,
    on_frame: Callable[[], None] = lambda: None,
) -> AnnotatedData:
    """Annotated data and, beside them, whatever a teacher sees where nothing is annotated.

    In still images sure boxes become objects. In videos nobody knows whose they are, so there all
    become ignore regions: neither right nor wrong.

    Args:
        teacher: Finds objects of one class.
        data: With images; not changed.
        settings: Which class that is, and from which scores on.
        on_frame: Called after each frame (progress).

    Raises:
        DataError: The data have no class of that name.
    """
    if settings.class_name not in data.class_names:
        raise DataError(
            f"class_name: expected one of the classes annotated, {', '.join(data.class_names)}, "
            f"got {settings.class_name!r}"
        )
    label = data.class_names.index(settings.class_name)
    sequences = []
    for sequence in data.sequences:
        frames = []
        for frame in sequence.frames:
            seen = teacher.find(frame)
            found = unannotated(seen, frame, settings)
            is_object = (found.scores >= settings.object_score) & (not sequence.is_video)
            frames.append(with_boxes(moved(frame, seen, settings), found, is_object, label))
            on_frame()
        sequences.append(replace(sequence, frames=tuple(frames)))
    return replace(data, sequences=tuple(sequences))


def unannotated(found: Found, frame: AnnotatedFrame, settings: LabelSettings) -> Found:
    """The boxes that are neither an annotated object nor in an ignore region."""
    boxes = torch.from_numpy(found.boxes_xyxy)
    overlap = pairwise_iou(boxes, torch.from_numpy(frame.boxes_xyxy))
    is_annotated = (overlap >= settings.same_place).any(1).numpy()
    inside = share_inside(boxes, torch.from_numpy(frame.ignore_boxes_xyxy)).numpy()
    return found.select(
        (found.scores >= settings.ignore_score) & ~is_annotated & (inside <= settings.same_place)
    )


def moved(frame: AnnotatedFrame, found: Found, settings: LabelSettings) -> AnnotatedFrame:
    """Annotated objects with the teacher's boxes, where it is sure and both agree on one another.

    An object keeps its identity, and its box where the teacher sees nothing or somebody else.
    """
    sure = found.select(found.scores >= settings.move_score)
    if settings.move_score >= 1 or len(sure.scores) == 0 or len(frame.boxes_xyxy) == 0:
        return frame
    overlap = pairwise_iou(
        torch.from_numpy(frame.boxes_xyxy), torch.from_numpy(sure.boxes_xyxy)
    ).numpy()
    theirs = overlap.argmax(1)
    rows = np.arange(len(theirs))
    is_mutual = overlap.argmax(0)[theirs] == rows
    moves = is_mutual & (overlap[rows, theirs] >= settings.same_place)
    boxes = np.where(moves[:, None], sure.boxes_xyxy[theirs], frame.boxes_xyxy)
    return replace(frame, boxes_xyxy=boxes)


def with_boxes(
    frame: AnnotatedFrame, found: Found, is_object: Bool[np.ndarray, " F"], label: int = 0
) -> AnnotatedFrame:
    """More objects, with ids of their own, and more ignore regions."""
    objects, ignored = found.boxes_xyxy[is_object], found.boxes_xyxy[~is_object]
    count = len(objects)
    first_id = int(frame.track_ids.max(initial=-1)) + 1
    nothing = (None,) * count
    return replace(
        frame,
        boxes_xyxy=np.concatenate([frame.boxes_xyxy, objects]),
        labels=_extended(frame.labels, np.full(count, label)),
        track_ids=_extended(frame.track_ids, np.arange(first_id, first_id + count)),
        visibility=_extended(frame.visibility, np.ones(count)),
        ignore_boxes_xyxy=np.concatenate([frame.ignore_boxes_xyxy, ignored]),
        ignore_is_distractor=_extended(
            frame.ignore_is_distractor, np.zeros(len(ignored), dtype=bool)
        ),
        segmentations=frame.segmentations + nothing if frame.segmentations else (),
        ignore_segmentations=frame.ignore_segmentations + (None,) * len(ignored)
        if frame.ignore_segmentations
        else (),
        visible_boxes_xyxy=np.concatenate([frame.visible_boxes_xyxy, objects])
        if len(frame.visible_boxes_xyxy)
        else frame.visible_boxes_xyxy,
    )


def labelled_film(
    film: AnnotatedSequence,
    tracks: Sequence[ResultFrame],
    found: Sequence[Found],
    settings: LabelSettings,
) -> AnnotatedSequence:
    """Film without annotation, labelled by a teacher's tracks.

    Args:
        film: Frames with images and nothing annotated.
        tracks: Of the teacher's boxes, frame by frame; all frames.
        found: The teacher's boxes, frame by frame.
        settings: Sure boxes of long tracks are objects; all other boxes are ignore regions.
    """
    ids, counts = np.unique(
        np.concatenate([frame.track_ids for frame in tracks]), return_counts=True
    )
    long_ones = ids[counts >= settings.shortest_track]
    frames = []
    for frame, tracked, seen in zip(film.frames, tracks, found, strict=True):
        is_sure = (tracked.scores >= settings.object_score) & np.isin(tracked.track_ids, long_ones)
        objects = replace(
            frame,
            boxes_xyxy=tracked.boxes_xyxy[is_sure],
            labels=np.zeros(is_sure.sum(), dtype=np.int64),
            track_ids=tracked.track_ids[is_sure],
            visibility=np.ones(is_sure.sum()),
        )
        others = unannotated(seen, objects, settings)
        frames.append(with_boxes(objects, others, np.zeros(len(others.scores), dtype=bool)))
    return replace(film, frames=tuple(frames))


def _extended(
    rows: Shaped[np.ndarray, " A"], more: Shaped[np.ndarray, " E"]
) -> Shaped[np.ndarray, " A+E"]:
    return np.concatenate([rows, more.astype(rows.dtype)])
