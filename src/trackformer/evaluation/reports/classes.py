"""Tracks of several classes: each class alone, and over all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Final

import numpy as np

from trackformer.data.annotations import AnnotatedData, AnnotatedSequence
from trackformer.data.results import ResultFrame
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


def _sequence_of_class(sequence: AnnotatedSequence, label: int) -> AnnotatedSequence:
    frames = []
    for frame in sequence.frames:
        chosen = frame.labels == label
        frames.append(
            replace(
                frame,
                boxes_xyxy=frame.boxes_xyxy[chosen],
                labels=frame.labels[chosen],
                track_ids=frame.track_ids[chosen],
                visibility=frame.visibility[chosen],
                segmentations=(),
            )
        )
    return replace(sequence, frames=tuple(frames))


def _results_of_class(frames: Sequence[ResultFrame], label: int) -> list[ResultFrame]:
    return [
        replace(
            frame,
            track_ids=frame.track_ids[frame.labels == label],
            boxes_xyxy=frame.boxes_xyxy[frame.labels == label],
            scores=frame.scores[frame.labels == label],
            labels=frame.labels[frame.labels == label],
        )
        for frame in frames
        if frame.labels is not None
    ]


def _mean(rows: Sequence[TrackingScores]) -> TrackingScores:
    values = {}
    for field in fields(TrackingScores):
        entries = [getattr(row, field.name) for row in rows]
        if isinstance(entries[0], int):
            values[field.name] = sum(entries)
        elif isinstance(entries[0], float):
            values[field.name] = float(np.mean(entries))
    return TrackingScores(name=CLASS_MEAN, **values)
