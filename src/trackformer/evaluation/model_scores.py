"""A model's tracking scores on annotated videos."""

from __future__ import annotations

from collections.abc import Callable

import cv2

from trackformer.data.annotations import AnnotatedData, AnnotatedSequence
from trackformer.data.results import ResultFrame, result_of
from trackformer.errors import DataError
from trackformer.evaluation.tracking_metrics import EvaluationTable, evaluate_tracking
from trackformer.models.trackformer import TrackFormer
from trackformer.tracking.settings import TrackerSettings
from trackformer.tracking.tracker import Tracker


def evaluate_model(
    model: TrackFormer,
    data: AnnotatedData,
    settings: TrackerSettings | None = None,
    on_frame: Callable[[], None] = lambda: None,
) -> EvaluationTable:
    """Track every sequence and score the results.

    Args:
        model: In evaluation mode.
        data: Videos with images.
        settings: Of the tracker; by default those stored with the model.
        on_frame: Called after each frame (progress).
    """
    results = {
        sequence.name: track_sequence(model, sequence, settings, on_frame)
        for sequence in data.sequences
    }
    return evaluate_tracking(data, results)


def track_sequence(
    model: TrackFormer,
    sequence: AnnotatedSequence,
    settings: TrackerSettings | None = None,
    on_frame: Callable[[], None] = lambda: None,
) -> list[ResultFrame]:
    """Results of one annotated video, frame by frame."""
    tracker = Tracker(model, settings)
    results = []
    for frame in sequence.frames:
        pixels = cv2.imread(str(frame.image_path), cv2.IMREAD_COLOR_RGB)
        if pixels is None:
            raise DataError(f"{frame.image_path}: expected a readable image")
        results.append(result_of(tracker.update(pixels)))
        on_frame()
    return results
