"""Tracks of several classes: each class alone, and over all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Final

import numpy as np
from jaxtyping import Bool

from trackformer.data.annotations import AnnotatedData, AnnotatedSequence
from trackformer.data.results import ResultFrame
from trackformer.errors import DataError
from trackformer.evaluation.metrics.scores import TrackingScores, tracking_scores
from trackformer.evaluation.metrics.tracking import combined_counts, match_sequence

CLASS_MEAN: Final = "mean of classes"
ALL_CLASSES: Final = "all classes"
Results = Mapping[str, Sequence[ResultFrame]]


@dataclass(frozen=True, slots=True)
class ClassTable:
    """Scores where a result of the wrong class is no match."""

    classes: tuple[TrackingScores, ...]
    """Those of which there is an object."""
    mean: TrackingScores
    """Every class counts alike; counts of mistakes are sums."""
    combined: TrackingScores
    """Every box counts alike."""


def evaluate_classes(data: AnnotatedData, results: Results) -> ClassTable | None:
    """Score each class alone; None for data of one class, or results that name none."""
    frames = [frame for entry in results.values() for frame in entry]
    if len(data.class_names) < 2 or not frames or any(frame.labels is None for frame in frames):
        return None
    counts = {}
    for label, name in enumerate(data.class_names):
        sequences = [_sequence_of_class(entry, label) for entry in data.sequences]
        if any(len(frame.track_ids) for entry in sequences for frame in entry.frames):
            counts[name] = combined_counts(
                [
                    match_sequence(entry, _results_of_class(results[entry.name], label)).counts
                    for entry in sequences
                ]
            )
    rows = tuple(tracking_scores(name, count) for name, count in counts.items())
    combined = tracking_scores(ALL_CLASSES, combined_counts(list(counts.values())))
    return ClassTable(rows, _mean(rows), combined) if rows else None


def relabelled(
    results: Results, model_names: Sequence[str], data_names: Sequence[str]
) -> dict[str, list[ResultFrame]]:
    """A model's results with the labels of the data, by the names of the classes."""
    places = {name: place for place, name in enumerate(data_names)}
    label_of = np.array([places.get(name, -1) for name in model_names])
    return {
        name: [
            frame if frame.labels is None else replace(frame, labels=label_of[frame.labels])
            for frame in frames
        ]
        for name, frames in results.items()
    }


def only_named(results: Results, num_classes: int) -> dict[str, list[ResultFrame]]:
    """The results of these classes, counted from 0; others are left out.

    Raises:
        DataError: Results name no classes.
    """
    kept: dict[str, list[ResultFrame]] = {}
    for name, frames in results.items():
        kept[name] = []
        for frame in frames:
            if frame.labels is None:
                raise DataError(
                    f"{name}: expected results that name their classes (the eighth column) to keep "
                    "some of them"
                )
            kept[name].append(_rows_of(frame, (frame.labels >= 0) & (frame.labels < num_classes)))
    return kept


def _sequence_of_class(sequence: AnnotatedSequence, label: int) -> AnnotatedSequence:
    frames = tuple(frame.only(frame.labels == label) for frame in sequence.frames)
    return replace(sequence, frames=frames)


def _results_of_class(frames: Sequence[ResultFrame], label: int) -> list[ResultFrame]:
    return [_rows_of(frame, frame.labels == label) for frame in frames if frame.labels is not None]


def _rows_of(frame: ResultFrame, chosen: Bool[np.ndarray, " N"]) -> ResultFrame:
    return replace(
        frame,
        track_ids=frame.track_ids[chosen],
        boxes_xyxy=frame.boxes_xyxy[chosen],
        scores=frame.scores[chosen],
        labels=None if frame.labels is None else frame.labels[chosen],
    )


def _mean(rows: Sequence[TrackingScores]) -> TrackingScores:
    values = {}
    for field in fields(TrackingScores):
        entries = [getattr(row, field.name) for row in rows]
        if isinstance(entries[0], int):
            values[field.name] = sum(entries)
        elif isinstance(entries[0], float):
            values[field.name] = float(np.mean(entries))
    return TrackingScores(name=CLASS_MEAN, **values)
