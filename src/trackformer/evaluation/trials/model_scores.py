"""A model's tracking scores on annotated videos."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeVar

from trackformer.data.annotations import AnnotatedData, AnnotatedSequence
from trackformer.data.results import result_of
from trackformer.evaluation.metrics.tracking import EvaluationTable, evaluate_tracking
from trackformer.models.frame_model import FrameModel
from trackformer.objects import TrackedObjects
from trackformer.tracking.lifecycle.public_detections import PublicDetections
from trackformer.tracking.settings import TrackerSettings
from trackformer.tracking.tracker import Tracker
from trackformer.tracking.videos.progress import progress_bar

Result = TypeVar("Result")


def evaluate_model(
    model: FrameModel,
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
        sequence.name: track_sequence(model, sequence, result_of, settings, on_frame)
        for sequence in data.sequences
    }
    return evaluate_tracking(data, results)


def track_sequences(
    model: FrameModel,
    data: AnnotatedData,
    keep: Callable[[TrackedObjects], Result],
    settings: TrackerSettings | None = None,
    public: Mapping[str, PublicDetections] | None = None,
) -> dict[str, list[Result]]:
    """Results of every annotated video by its name, with a bar on a terminal's error output.

    Args:
        model: In evaluation mode.
        data: Videos with images.
        keep: What is kept of a frame, for example `result_of`.
        settings: Of the tracker; by default those stored with the model.
        public: Per video the detections without which no track may begin; None: every track may.
    """
    public = public or {}
    results = {}
    with progress_bar() as progress:
        for sequence in data.sequences:
            task = progress.add_task(sequence.name, total=len(sequence.frames))
            results[sequence.name] = track_sequence(
                model,
                sequence,
                keep,
                settings,
                partial(progress.advance, task),
                public.get(sequence.name),
            )
    return results


def track_sequence(
    model: FrameModel,
    sequence: AnnotatedSequence,
    keep: Callable[[TrackedObjects], Result],
    settings: TrackerSettings | None = None,
    on_frame: Callable[[], None] = lambda: None,
    public: PublicDetections | None = None,
) -> list[Result]:
    """Results of one annotated video, frame by frame; see `track_sequences`."""
    tracker = Tracker(model, settings)
    results = []
    for frame in sequence.frames:
        shown = None if public is None else public.in_frame(frame.frame_index, tracker.settings)
        results.append(keep(tracker.update(frame.read_pixels(), shown)))
        on_frame()
    return results
