"""A tracker's text files as annotations: every row is an object, with its score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from trackformer.data.annotations import (
    AnnotatedData,
    AnnotatedFrame,
    AnnotatedSequence,
    frame_without_objects,
)
from trackformer.data.formats.limits.numbers import video_length
from trackformer.data.formats.mot.results import read_mot_results
from trackformer.data.formats.parts.malformed import Report
from trackformer.data.formats.parts.result_folders import tracker_data
from trackformer.data.formats.parts.text_files import first_fields
from trackformer.data.results import ResultFrame

ONLY_CLASS = ("person",)


def result_files(path: Path) -> list[Path]:
    """MOTChallenge's text files in a tracker's folder; none in any other folder."""
    folder = tracker_data(path)
    files = [] if folder is None else sorted(folder.glob("*.txt"))
    is_of_numbers = all(_is_number(field) for file in files[:1] for field in first_fields(file))
    return files if is_of_numbers else []


def read_result_sequences(files: Sequence[Path], report: Report) -> AnnotatedData:
    """Results of several videos; classes are those that the eighth column counts, or persons."""
    results = {file: read_mot_results(file, report) for file in files}
    labels = [frame.labels for frames in results.values() for frame in frames]
    names: tuple[str, ...] = ONLY_CLASS
    if labels and all(each is not None for each in labels):
        highest = max(int(each.max()) for each in labels if each is not None)
        names = (*ONLY_CLASS, *(f"class {number}" for number in range(2, highest + 2)))
    return AnnotatedData(
        tuple(_sequence(file, frames, report) for file, frames in results.items()), names
    )


def _sequence(file: Path, results: Sequence[ResultFrame], report: Report) -> AnnotatedSequence:
    annotated = [frame.frame_index for frame in results]
    length = video_length(str(file), report, num_images=0, stated=0, annotated=annotated)
    frames = [frame_without_objects(index, None) for index in range(length)]
    for result in results:
        if result.frame_index < length:
            frames[result.frame_index] = _annotated(frames[result.frame_index], result)
    return AnnotatedSequence(
        name=file.stem,
        frames=tuple(frames),
        image_size=None,
        frame_rate=None,
        is_video=True,
        annotation_path=file,
    )


def _annotated(frame: AnnotatedFrame, result: ResultFrame) -> AnnotatedFrame:
    count = len(result.track_ids)
    return replace(
        frame,
        boxes_xyxy=result.boxes_xyxy,
        labels=np.zeros(count, dtype=np.int64) if result.labels is None else result.labels,
        track_ids=result.track_ids,
        visibility=np.ones(count),
        scores=result.scores.clip(0, 1),
    )


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True
