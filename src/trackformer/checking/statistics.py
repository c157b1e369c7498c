"""How the data are distributed: what histograms show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from trackformer.checking.records import Inspected, box_table, videos
from trackformer.data.annotations import AnnotatedData
from trackformer.input_settings import InputSettings

MAX_BINS = 24


@dataclass(frozen=True, slots=True, eq=False)
class Distribution:
    """The values of one quantity, at least one."""

    name: str
    unit: str
    values: Float[np.ndarray, " values"]

    def quantiles(self) -> tuple[float, float, float]:
        """Least, middle and largest value."""
        return float(self.values.min()), float(np.median(self.values)), float(self.values.max())

    def histogram(self) -> tuple[Float[np.ndarray, " bins"], Float[np.ndarray, " edges"]]:
        """Counts and edges; whole numbers get bins of whole numbers."""
        low, high = float(self.values.min()), float(self.values.max())
        if (self.values == np.round(self.values)).all():
            width = max(1, int(np.ceil((high - low + 1) / MAX_BINS)))
            edges = np.arange(low, high + width + 0.5, width, dtype=np.float64)
        else:
            edges = np.linspace(low, high, MAX_BINS + 1)
        counts, edges = np.histogram(self.values, bins=edges)
        return counts.astype(np.float64), edges.astype(np.float64)


def distributions(inspected: Inspected) -> tuple[Distribution, ...]:
    """What one wants to know of any data before training on them; none without values."""
    data = inspected.data
    frames = [frame for sequence in data.sequences for frame in sequence.frames]
    rates = [video.frame_rate for video in videos(data) if video.frame_rate is not None]
    found = [
        _distribution("objects per frame", "", [len(frame.track_ids) for frame in frames]),
        _distribution("frames per video", "", [len(video.frames) for video in videos(data)]),
        _distribution("frame rate", "1/s", rates),
        _distribution("track length", "frames", _track_lengths(data)),
        _distribution("newborn per frame", "", _newborn(data)),
        _distribution("object side", "pixels", _sides(data)),
        _distribution("visibility", "share", np.concatenate([
            np.zeros(0), *(frame.visibility for frame in frames)
        ])),
    ]  # fmt: skip
    if inspected.model is not None:
        sides = sides_at_input(data, inspected.model.input)
        found.append(Distribution("object side at the input", "pixels", sides))
    return tuple(distribution for distribution in found if len(distribution.values))


def sides_at_input(data: AnnotatedData, settings: InputSettings) -> Float[np.ndarray, " boxes"]:
    """Square root of each object's area in pixels of the network's input."""
    from trackformer.resizing import input_size

    sides = [np.zeros(0)]
    for sequence in data.sequences:
        if sequence.image_size is None:
            continue
        height, width = sequence.image_size
        rows, columns = input_size((height, width), settings)
        scale = np.sqrt(rows * columns / (height * width))
        sides += [scale * _frame_sides(frame.boxes_xyxy) for frame in sequence.frames]
    return np.concatenate(sides)


def _distribution(
    name: str, unit: str, values: list[float] | list[int] | np.ndarray
) -> Distribution:
    return Distribution(name, unit, np.asarray(values, dtype=np.float64).reshape(-1))


def _track_lengths(data: AnnotatedData) -> np.ndarray:
    lengths = [np.zeros(0, dtype=np.int64)]
    for sequence in videos(data):
        lengths.append(np.unique(box_table(sequence).track_ids, return_counts=True)[1])
    return np.concatenate(lengths)


def _newborn(data: AnnotatedData) -> list[int]:
    """Ids seen for the first time, in every frame but a video's first."""
    counts = []
    for sequence in videos(data):
        seen: set[int] = set()
        for frame in sequence.frames:
            new = set(frame.track_ids.tolist()) - seen
            if frame.frame_index > 0:
                counts.append(len(new))
            seen |= new
    return counts


def _sides(data: AnnotatedData) -> np.ndarray:
    frames = [frame for sequence in data.sequences for frame in sequence.frames]
    return np.concatenate([np.zeros(0), *(_frame_sides(frame.boxes_xyxy) for frame in frames)])


def _frame_sides(boxes_xyxy: Float[np.ndarray, "G 4"]) -> Float[np.ndarray, " G"]:
    return np.asarray(np.sqrt((boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]).prod(axis=1)))
