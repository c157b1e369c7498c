"""Synthetic scenes as annotated data: sequences whose frames are drawn when they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import SupportsIndex, overload

import numpy as np

from trackformer.data.annotations import AnnotatedData, AnnotatedFrame, AnnotatedSequence
from trackformer.data.masks import encode_mask
from trackformer.data.synthetic.backgrounds import list_photographs
from trackformer.data.synthetic.build import build_scene
from trackformer.data.synthetic.render import RenderedFrame, render
from trackformer.data.synthetic.settings import SyntheticSettings


@dataclass(frozen=True, slots=True)
class SyntheticFrames(Sequence[AnnotatedFrame]):
    """The frames of one scene, in any order at the same cost; nothing is kept but the scene."""

    settings: SyntheticSettings
    number: int
    """Of the sequence, from 0."""

    def __len__(self) -> int:
        return self.settings.frames

    @overload
    def __getitem__(self, row: SupportsIndex) -> AnnotatedFrame: ...

    @overload
    def __getitem__(self, row: slice) -> tuple[AnnotatedFrame, ...]: ...

    def __getitem__(
        self, row: SupportsIndex | slice
    ) -> AnnotatedFrame | tuple[AnnotatedFrame, ...]:
        if isinstance(row, slice):
            return tuple(self._frame(number) for number in range(len(self))[row])
        return self._frame(range(len(self))[row])

    def _frame(self, frame_index: int) -> AnnotatedFrame:
        frame = render(build_scene(self.settings, self.number), frame_index)
        return annotated(frame, frame_index, self.settings)


def synthetic_data(settings: SyntheticSettings) -> AnnotatedData:
    """All sequences; drawn frame by frame as they are used.

    Raises:
        DataError: There are no images in the folder of backgrounds.
    """
    if settings.backgrounds is not None:
        list_photographs(settings.backgrounds)
    # Videos of another seed have other names, so that folders can be put together.
    of_seed = f"-seed{settings.seed}" if settings.seed != SyntheticSettings().seed else ""
    return AnnotatedData(
        sequences=tuple(
            AnnotatedSequence(
                name=f"{settings.skill}-{settings.difficulty}{of_seed}-{index + 1:04d}",
                frames=SyntheticFrames(settings, index),
                image_size=settings.size,
                frame_rate=settings.frame_rate,
                is_video=True,
            )
            for index in range(settings.sequences)
        ),
        class_names=settings.class_names,
    )


def annotated(
    frame: RenderedFrame, frame_index: int, settings: SyntheticSettings
) -> AnnotatedFrame:
    """A rendered frame as the record that training and evaluation read."""
    label_of: dict[str, int] = {name: label for label, name in enumerate(settings.class_names)}
    labels = np.array([label_of.get(name, -1) for name in frame.class_names], dtype=np.int64)
    is_object = labels >= 0
    track_ids = frame.track_ids[is_object]
    masks = (
        [encode_mask(frame.mask(identity)) for identity in track_ids.tolist()]
        if settings.masks
        else []
    )
    return AnnotatedFrame(
        frame_index=frame_index,
        image_path=None,
        pixels=frame.pixels,
        boxes_xyxy=frame.boxes_xyxy[is_object],
        labels=labels[is_object],
        track_ids=track_ids,
        visibility=frame.visibility[is_object],
        ignore_boxes_xyxy=np.zeros((0, 4)),
        ignore_is_distractor=np.zeros(0, dtype=bool),
        other_boxes_xyxy=frame.boxes_xyxy[~is_object],
        segmentations=tuple(masks),
    )
