"""Short clips for training, drawn at random from annotated videos and still images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch.utils.data import Dataset

from trackformer.data.annotations import AnnotatedData, AnnotatedFrame, AnnotatedSequence
from trackformer.data.settings import ClipSettings
from trackformer.data.transforms import (
    ColourChange,
    Crop,
    crop_boxes,
    crop_image,
    recolour,
    whole_frame_crop,
)
from trackformer.errors import DataError
from trackformer.image_files import read_image
from trackformer.input_settings import InputSettings
from trackformer.preprocessing import normalise
from trackformer.types import Clip, Images, Target


@dataclass(frozen=True, slots=True, eq=False)
class ClipSample:
    """One clip before it joins a batch: per frame a normalised image and its target."""

    images: tuple[torch.Tensor, ...]
    targets: tuple[Target, ...]


class ClipDataset(Dataset[Clip]):
    """Batches of clips; batch i is a function of the seed and i alone.

    So an interrupted run goes on with exactly the batches it has not seen, and any number of
    worker processes give the same data.

    Args:
        sources: Annotated data with the share of clips that each gives.
        batch_size: Clips in a batch.
        settings: How clips are cut and varied.
        input_settings: How the model wants its pixels normalised.
        seed: Of all random draws.
        num_batches: Length of the data set.
        same_length: So many batches in a row have clips of the same length: those of one step in
            as many processes, which must make the same number of passes.
    """

    def __init__(  # noqa: PLR0913 - what to draw, how, from which seed, for how many processes
        self,
        sources: Sequence[tuple[AnnotatedData, float]],
        batch_size: int,
        settings: ClipSettings,
        input_settings: InputSettings,
        seed: int,
        num_batches: int,
        same_length: int = 1,
    ) -> None:
        self._sequences = [data.sequences for data, _ in sources]
        self._weights = np.array([weight for _, weight in sources]) / sum(
            weight for _, weight in sources
        )
        # Long sequences give more clips: every frame is equally likely within a source.
        self._frame_shares = [
            np.cumsum([len(sequence.frames) for sequence in sequences])
            for sequences in self._sequences
        ]
        self._batch_size = batch_size
        self._settings = settings
        self._input = input_settings
        self._seed = seed
        self._num_batches = num_batches
        self._same_length = same_length

    def __len__(self) -> int:
        return self._num_batches

    def __getitem__(self, index: int) -> Clip:
        """Batch number `index`."""
        first_of_step = index - index % self._same_length
        shortest, longest = self._settings.length
        shared = np.random.default_rng([self._seed, first_of_step])
        length = int(shared.integers(shortest, longest + 1))
        random = shared if index == first_of_step else np.random.default_rng([self._seed, index])
        return collate([self._draw(length, random) for _ in range(self._batch_size)])

    def _draw(self, length: int, random: np.random.Generator) -> ClipSample:
        source = int(random.choice(len(self._sequences), p=self._weights))
        ends = self._frame_shares[source]
        place = int(random.integers(ends[-1]))
        which = int(np.searchsorted(ends, place, side="right"))
        sequence = self._sequences[source][which]
        settings = self._settings
        frames = (
            _video_frames(sequence, length, settings, random)
            if sequence.is_video
            else [sequence.frames[0]] * length
        )
        first = _pixels_of(frames[0])
        crops = _draw_crops(first.shape[:2], length, settings, sequence.is_video, random)
        colours = ColourChange(*(1 + settings.colour_jitter * random.uniform(-1, 1, size=3)))
        images, targets = [], []
        for position, (frame, crop) in enumerate(zip(frames, crops, strict=True)):
            reuse = position == 0 or not sequence.is_video
            pixels = first if reuse else _pixels_of(frame)
            shown = recolour(crop_image(pixels, crop, settings.canvas), colours)
            images.append(normalise(shown, self._input))
            targets.append(target_of(frame, crop, settings.min_visibility))
        return ClipSample(tuple(images), tuple(targets))


def collate(samples: Sequence[ClipSample]) -> Clip:
    """Clips of the same length as one batch."""
    num_frames = len(samples[0].images)
    return Clip(
        images=tuple(
            Images.from_list([sample.images[frame] for sample in samples])
            for frame in range(num_frames)
        ),
        targets=tuple(
            tuple(sample.targets[frame] for sample in samples) for frame in range(num_frames)
        ),
    )


def target_of(frame: AnnotatedFrame, crop: Crop, min_visibility: float) -> Target:
    """The objects that a crop shows; those hardly visible in it become ignore regions.

    Visibility is what the data say times the share of the box inside the crop. An object whose
    centre lies outside cannot be asked for: the networks' box centres end at the image border.
    """
    boxes = crop_boxes(frame.boxes_xyxy, crop)
    low = np.clip(boxes[:, :2] - boxes[:, 2:] / 2, 0, 1)
    high = np.clip(boxes[:, :2] + boxes[:, 2:] / 2, 0, 1)
    share_inside = (high - low).prod(1) / np.maximum(boxes[:, 2:].prod(1), 1e-12)
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


def _video_frames(
    sequence: AnnotatedSequence, length: int, settings: ClipSettings, random: np.random.Generator
) -> list[AnnotatedFrame]:
    """`length` frames at an even, random distance, forwards or backwards.

    A video shorter than the clip repeats its last frames rather than being left out.
    """
    longest = max(1, (len(sequence.frames) - 1) // max(1, length - 1))
    gap = int(random.integers(1, min(settings.max_gap, longest) + 1))
    last_start = max(0, len(sequence.frames) - 1 - gap * (length - 1))
    start = int(random.integers(last_start + 1))
    rows = [min(start + gap * i, len(sequence.frames) - 1) for i in range(length)]
    if random.random() < settings.reverse_rate:
        rows.reverse()
    return [sequence.frames[row] for row in rows]


def _draw_crops(
    image_size: tuple[int, ...],
    length: int,
    settings: ClipSettings,
    is_video: bool,  # noqa: FBT001 - two sources of motion, one set of draws
    random: np.random.Generator,
) -> list[Crop]:
    """One crop per frame: a random window that drifts a little, or a lot for still images."""
    height, width = image_size[0], image_size[1]
    whole = whole_frame_crop((height, width), settings.canvas)
    zoom = math.exp(random.uniform(math.log(settings.zoom[0]), math.log(settings.zoom[1])))
    is_mirrored = bool(random.random() < settings.flip_rate)
    window_width, window_height = whole.width / zoom, whole.height / zoom
    # The window lies inside the image where it fits, and covers it where it does not.
    left = random.uniform(min(0.0, width - window_width), max(0.0, width - window_width))
    top = random.uniform(min(0.0, height - window_height), max(0.0, height - window_height))
    first = Crop(left, top, window_width, window_height, is_mirrored)
    reach = settings.camera_jitter if is_video else settings.still_motion
    if is_video:
        steps = random.uniform(-reach, reach, size=(length - 1, 2)).cumsum(axis=0)
        growths = [1.0] * (length - 1)
    else:
        # Even motion with some shake, so that velocities mean something.
        drift, shake = random.uniform(-reach, reach, size=2), reach / 10
        even = np.arange(1, length)[:, None] * drift
        steps = even + random.uniform(-shake, shake, size=(length - 1, 2))
        growth = 1 + random.uniform(-reach, reach) / 2
        growths = [growth**i for i in range(1, length)]
    return [first] + [
        replace(
            first,
            left=left + step[0] * window_width - (growth - 1) * window_width / 2,
            top=top + step[1] * window_height - (growth - 1) * window_height / 2,
            width=window_width * growth,
            height=window_height * growth,
        )
        for step, growth in zip(steps, growths, strict=True)
    ]


def _pixels_of(frame: AnnotatedFrame) -> np.ndarray:
    if frame.image_path is None:
        raise DataError("training data: expected images, got annotations only")
    return read_image(frame.image_path)
