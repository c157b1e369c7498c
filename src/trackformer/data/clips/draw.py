"""Short clips for training, drawn at random from annotated videos and still images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch.utils.data import Dataset

from trackformer.data.annotations import AnnotatedData, AnnotatedFrame, AnnotatedSequence
from trackformer.data.clips.crop_paths import CropPath, draw_still_path, draw_video_path
from trackformer.data.clips.frame_reading import FrameReader
from trackformer.data.clips.frame_sampling import FrameSampler
from trackformer.data.clips.outlines import with_outlines
from trackformer.data.clips.paste_ins import PasteIn, PasteIns
from trackformer.data.clips.published_targets import FrameInClip, target_as_published
from trackformer.data.clips.settings import ClipSettings
from trackformer.data.clips.transforms import (
    ColourChange,
    Crop,
    crop_boxes,
    cut_at_borders,
    recolour,
)
from trackformer.input_settings import InputSettings
from trackformer.preprocessing import normalise
from trackformer.types import Clip, Images, Target


@dataclass(frozen=True, slots=True, eq=False)
class ClipSample:
    """One clip before it joins a batch: per frame a normalised image and its target."""

    images: tuple[torch.Tensor, ...]
    targets: tuple[Target, ...]
    intervals: tuple[float, ...] | None = None
    """As of a `Clip`."""


@dataclass(frozen=True, slots=True, eq=False)
class ClipPlan:
    """Everything that is random about a clip; drawing it reads no image."""

    sequence: AnnotatedSequence
    rows: tuple[int, ...]
    """Of the sequence's frames; all the same in a still image."""
    has_intervals: bool
    """Whether frames count as far apart as they are."""
    path: CropPath
    colours: ColourChange
    paste_ins: tuple[PasteIn, ...] = ()


@dataclass(frozen=True, slots=True)
class BatchShare:
    """Which part of every step's clips this process trains on."""

    process: int = 0
    processes: int = 1


class ClipDataset(Dataset[Clip]):
    """One batch of clips per optimizer step; batch i is a function of the seed and i alone.

    So an interrupted run goes on with exactly the batches it has not seen, any number of worker
    processes give the same data, and many training processes share the batch that one process
    with as many clips would have: their clips are slices of it.

    Args:
        sources: Annotated data with the share of clips that each gives.
        batch_size: Clips in a batch of one process.
        settings: How clips are cut and varied.
        input_settings: How the model wants its pixels normalised.
        seed: Of all random draws.
        num_batches: Length of the data set.
        share: This process' part of every step.
        with_masks: Targets also have the outlines of the objects, which takes time to decode.
    """

    def __init__(  # noqa: PLR0913 - what to draw, how, from which seed, for which process
        self,
        sources: Sequence[tuple[AnnotatedData, float]],
        batch_size: int,
        settings: ClipSettings,
        input_settings: InputSettings,
        seed: int,
        num_batches: int,
        share: BatchShare = BatchShare(),
        *,
        with_masks: bool = False,
    ) -> None:
        self._sampler = FrameSampler(sources, settings.repeat_threshold)
        self._batch_size = batch_size
        self._settings = settings
        self._input = input_settings
        self._seed = seed
        self._num_batches = num_batches
        self._share = share
        self._with_masks = with_masks
        self._reader = FrameReader(
            settings.cache_megabytes * 2**20, reduces=settings.reduced_decoding
        )
        self._paste_ins = (
            PasteIns([data for data, _ in sources], self._reader)
            if settings.paste_rate > 0
            else None
        )

    def __len__(self) -> int:
        return self._num_batches

    def __getitem__(self, index: int) -> Clip:
        """The batch of optimizer step `index`."""
        random = np.random.default_rng([self._seed, index])
        fewest, most = self._settings.length_at(index)
        length = int(random.integers(fewest, most + 1))
        first = self._share.process * self._batch_size
        # The clips of the processes before are drawn, too: all follow from one seed.
        plans = [self._plan(length, random) for _ in range(first + self._batch_size)]
        return collate([self._show(plan) for plan in plans[first:]])

    def _plan(self, length: int, random: np.random.Generator) -> ClipPlan:
        sequence, anchor = self._sampler.draw(random)
        settings = self._settings
        if sequence.is_video:
            rows = _video_rows(sequence, anchor, length, settings, random)
            path = draw_video_path(length, settings, random)
        else:
            rows = [0] * length
            path = draw_still_path(length, settings, random)
        colours = ColourChange(*(1 + settings.colour_jitter * random.uniform(-1, 1, size=3)))
        paste_ins: tuple[PasteIn, ...] = ()
        if self._paste_ins is not None and random.random() < settings.paste_rate:
            paste_ins = self._paste_ins.draw(length, random)
        return ClipPlan(sequence, tuple(rows), settings.gaps == "random", path, colours, paste_ins)

    def _show(self, plan: ClipPlan) -> ClipSample:
        canvas = self._settings.canvas
        crops = plan.path.crops(self._reader.image_size(plan.sequence, plan.rows[0]), canvas)
        factor = self._reader.reduction(crops, canvas)
        images, targets = [], []
        for position, (row, crop) in enumerate(zip(plan.rows, crops, strict=True)):
            picture = self._reader.read(plan.sequence, row, factor)
            images.append(picture.shown(crop, canvas))
            place = FrameInClip(
                image_size=picture.image_size,
                is_video=plan.sequence.is_video,
                is_last=position == len(crops) - 1,
            )
            targets.append(self._target(picture.frame, crop, place))
        if self._paste_ins is not None and plan.paste_ins:
            images, targets = self._paste_ins.paste(
                plan.paste_ins, images, targets, self._settings.min_visibility
            )
        pixels = (normalise(recolour(image, plan.colours), self._input) for image in images)
        intervals = intervals_of(plan.rows) if plan.has_intervals else None
        return ClipSample(tuple(pixels), tuple(targets), intervals)

    def _target(self, frame: AnnotatedFrame, crop: Crop, place: FrameInClip) -> Target:
        settings = self._settings
        if settings.compatibility == "reference":
            target = target_as_published(frame, crop, settings, place)
        else:
            target = target_of(frame, crop, settings.min_visibility, clips=settings.clip_boxes)
        if self._with_masks:
            target = with_outlines(target, frame, place.image_size, crop, settings.canvas)
        return target


def collate(samples: Sequence[ClipSample]) -> Clip:
    """Clips of the same length as one batch."""
    num_frames = len(samples[0].images)
    intervals = [each.intervals for each in samples if each.intervals is not None]
    return Clip(
        images=tuple(
            Images.from_list([sample.images[frame] for sample in samples])
            for frame in range(num_frames)
        ),
        targets=tuple(
            tuple(sample.targets[frame] for sample in samples) for frame in range(num_frames)
        ),
        intervals=torch.tensor(intervals).T if intervals else None,
    )


def intervals_of(rows: Sequence[int]) -> tuple[float, ...]:
    """Frames from each to the one before; those of a still image are one apart.

    >>> intervals_of([9, 7, 6, 2, 2])
    (1.0, 2.0, 1.0, 4.0, 1.0)
    """
    return (1.0, *(float(max(1, abs(later - row))) for row, later in pairwise(rows)))


def target_of(
    frame: AnnotatedFrame, crop: Crop, min_visibility: float, *, clips: bool = False
) -> Target:
    """The objects that a crop shows; those hardly visible in it become ignore regions.

    Visibility is what the data say times the share of the box inside the crop. An object whose
    centre lies outside cannot be asked for: the networks' box centres end at the image border.
    Where boxes are cut at the border (`clips`), their centres lie inside.
    """
    boxes = crop_boxes(frame.boxes_xyxy, crop)
    inside = cut_at_borders(boxes)
    share_inside = inside[:, 2:].prod(1) / np.maximum(boxes[:, 2:].prod(1), 1e-12)
    boxes = inside if clips else boxes
    visibility = frame.visibility * share_inside
    is_centred = ((boxes[:, :2] > 0) & (boxes[:, :2] < 1)).all(1)
    keep = is_centred & (visibility >= min_visibility)
    doubtful = ~keep & (share_inside > 0)
    ignored = np.concatenate([crop_boxes(frame.ignore_boxes_xyxy, crop), boxes[doubtful]])
    return Target(
        boxes=torch.from_numpy(boxes[keep]).float(),
        labels=torch.from_numpy(frame.labels[keep]).long(),
        track_ids=torch.from_numpy(frame.track_ids[keep]).long(),
        visibility=torch.from_numpy(visibility[keep]).float(),
        ignore_boxes=torch.from_numpy(ignored).float(),
    )


def _video_rows(
    sequence: AnnotatedSequence,
    anchor: int,
    length: int,
    settings: ClipSettings,
    random: np.random.Generator,
) -> list[int]:
    """`length` frames at random distances, one for all or each its own, forwards or backwards.

    Anywhere in the video, or around the frame `anchor` where frames with rare classes are
    repeated. A video shorter than the clip repeats its last frames rather than being left out.
    """
    longest = max(1, (len(sequence.frames) - 1) // max(1, length - 1))
    most = min(settings.max_gap, longest) + 1
    if settings.gaps == "random":
        places = [0, *random.integers(1, most, size=length - 1).cumsum().tolist()]
    else:
        gap = int(random.integers(1, most))
        places = [gap * position for position in range(length)]
    last_start = max(0, len(sequence.frames) - 1 - places[-1])
    if settings.repeat_threshold > 0:
        start = min(max(0, anchor - places[int(random.integers(length))]), last_start)
    else:
        start = int(random.integers(last_start + 1))
    rows = [min(start + place, len(sequence.frames) - 1) for place in places]
    if random.random() < settings.reverse_rate:
        rows.reverse()
    return rows
