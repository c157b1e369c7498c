"""Our track queries beside trackers that match boxes, on the same frames and detections."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

from trackformer.data.annotations import AnnotatedData
from trackformer.data.results import ResultFrame, result_of_detections
from trackformer.evaluation.metrics.tracking import (
    EvaluationTable,
    evaluate_tracking,
    match_sequence,
    score_table,
)
from trackformer.evaluation.reports.files import (
    PUBLISHED_NAMES,
    scores_by_published_name,
    write_scores,
)
from trackformer.evaluation.reports.intervals import Interval, score_intervals
from trackformer.evaluation.trials.encoded import EncodedVideo, encode_video, track_encoded
from trackformer.evaluation.trials.peers import PEERS, Parameters, Peer, track_detections
from trackformer.models.trackformer import TrackFormer
from trackformer.tracking.object_detector import detections_of
from trackformer.tracking.settings import DetectSettings, TrackerSettings
from trackformer.tracking.tracker import settings_for

WEAKEST = DetectSettings(min_score=0.1)
"""Peers sort weak detections out themselves; ByteTrack lives from them."""
Made = TypeVar("Made")
Results = Mapping[str, Sequence[ResultFrame]]
"""By name of the sequence."""


@dataclass(frozen=True, slots=True)
class Row:
    """One tracker's scores."""

    tracker: str
    detections: str
    """Whose boxes it matched."""
    chosen: Parameters
    """What differs from the tracker's defaults."""
    table: EvaluationTable
    intervals: Mapping[str, Interval]
    """Of the combined scores, by their names in `TrackingScores` (see `intervals`)."""
    milliseconds: float
    """Process time a frame for association alone; for track queries the decoder's pass, too."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The rows of a table, ours first."""

    rows: tuple[Row, ...]
    encode_milliseconds: float
    """Process time a frame of what all share: reading, backbone and encoder."""
    decode_milliseconds: float
    """Of the decoder without track queries: what the peers' detections cost on top."""


def compare(
    model: TrackFormer,
    data: AnnotatedData,
    other_detections: Results | None = None,
    settings: TrackerSettings | None = None,
    on_step: Callable[[str], None] = lambda _what: None,
) -> Comparison:
    """Track the same videos in every way and score them.

    Each peer has two rows for each set of detections: with the package's defaults, and with those
    of its parameters that score the highest HOTA *on these very videos*, so that no threshold can
    be what it loses by.

    Args:
        model: In evaluation mode.
        data: Annotated videos with images.
        other_detections: Boxes of another detector, for the peers; None: only the model's own.
        settings: Of our tracker; by default those stored with the model.
        on_step: Called with the name of what comes next (progress).

    Raises:
        DataError: Images are missing. ConfigError: The `trackers` package is.
    """
    own = settings_for(model) if settings is None else settings
    on_step("encoding")
    videos, encode_ms = _timed(
        lambda: [encode_video(model, each, own.previous_frame_distance) for each in data.sequences],
        data,
    )
    on_step("track queries")
    tracked, track_ms = _timed(
        lambda: {video.name: track_encoded(model, video, [own])[0] for video in videos}, data
    )
    rows = [Row("track queries", "-", {}, *_scored(data, tracked), track_ms)]
    on_step("detections")
    detected, decode_ms = _timed(
        lambda: {video.name: _detections(model, video) for video in videos}, data
    )
    sets: dict[str, Results] = {"ours": detected}
    if other_detections is not None:
        sets["given"] = other_detections
    for name, detections in sets.items():
        for peer in PEERS:
            on_step(f"{peer.name} on {name}")
            rows += _rows_of(peer, name, detections, data)
    return Comparison(tuple(rows), encode_ms, decode_ms)


def _rows_of(peer: Peer, name: str, detections: Results, data: AnnotatedData) -> list[Row]:
    best = max(
        peer.choices(),
        key=lambda choice: (
            evaluate_tracking(
                data, _tracks(peer, detections, data, choice, look=False)
            ).combined.hota
        ),
    )
    rows = []
    for chosen in ({}, best):
        results, milliseconds = _timed(
            partial(_tracks, peer, detections, data, chosen, look=True), data
        )
        rows.append(Row(peer.name, name, chosen, *_scored(data, results), milliseconds))
    return rows


def _scored(
    data: AnnotatedData, results: Results
) -> tuple[EvaluationTable, Mapping[str, Interval]]:
    matched = [match_sequence(entry, results[entry.name]) for entry in data.sequences]
    # The same drawings for every row, so that rows can be compared.
    random = np.random.default_rng(0)
    return score_table(matched), score_intervals([entry.counts for entry in matched], random)


def _tracks(
    peer: Peer, detections: Results, data: AnnotatedData, chosen: Parameters, *, look: bool
) -> dict[str, list[ResultFrame]]:
    return {
        sequence.name: track_detections(
            peer,
            _every_frame(detections.get(sequence.name, ()), len(sequence.frames)),
            sequence.frame_rate or 30.0,
            chosen,
            [frame.read_pixels for frame in sequence.frames]
            if look and peer.looks_at_frames
            else None,
        )
        for sequence in data.sequences
    }


def _every_frame(results: Sequence[ResultFrame], num_frames: int) -> list[ResultFrame]:
    """Files leave out frames without boxes; trackers must see time pass."""
    by_index = {each.frame_index: each for each in results}
    nothing = np.zeros(0)
    return [
        by_index.get(index, ResultFrame(index, nothing.astype(np.int64), np.zeros((0, 4)), nothing))
        for index in range(num_frames)
    ]


def _detections(model: TrackFormer, video: EncodedVideo) -> list[ResultFrame]:
    found = []
    for index, memory in enumerate(video.memories):
        with torch.inference_mode():
            output = model.decode(memory)
        found.append(
            result_of_detections(
                detections_of(output, video.image_size, WEAKEST, index, model.settings.class_names)
            )
        )
    return found


def _timed(work: Callable[[], Made], data: AnnotatedData) -> tuple[Made, float]:
    """What `work` makes, and its process time in milliseconds a frame."""
    num_frames = sum(len(sequence.frames) for sequence in data.sequences)
    start = time.process_time()
    made = work()
    return made, 1000 * (time.process_time() - start) / num_frames


def write_comparison(comparison: Comparison, path: Path) -> None:
    """Store all scores of all rows as JSON, atomically.

    Raises:
        DataError: The file cannot be written.
    """
    content = {
        "encode_milliseconds": comparison.encode_milliseconds,
        "decode_milliseconds": comparison.decode_milliseconds,
        "rows": [
            {
                "tracker": row.tracker,
                "detections": row.detections,
                "chosen": dict(row.chosen),
                "milliseconds": row.milliseconds,
                "combined": scores_by_published_name(row.table.combined),
                "intervals": {
                    PUBLISHED_NAMES[name]: [interval.low, interval.high]
                    for name, interval in row.intervals.items()
                    if name in PUBLISHED_NAMES
                },
                "sequences": {
                    each.name: scores_by_published_name(each) for each in row.table.sequences
                },
            }
            for row in comparison.rows
        ],
    }
    write_scores(content, path)
