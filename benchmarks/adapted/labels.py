"""Labels of a film that nobody annotated: the model's own tracks, or another detector's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import torch
from jaxtyping import Float

from trackformer.boxes import pairwise_iou
from trackformer.data.annotations import (
    AnnotatedFrame,
    AnnotatedSequence,
    frame_without_objects,
)
from trackformer.data.formats.parts.assembly import Entry, assemble_frame
from trackformer.data.results import ResultFrame
from trackformer.evaluation.trials.encoded import encode_video, track_encoded
from trackformer.evaluation.trials.peers import track_detections
from trackformer.models.trackformer import TrackFormer
from trackformer.tracking.hindsight.revise import revise
from trackformer.tracking.proposals.onnx_detector import OnnxProposals
from trackformer.tracking.settings import TrackerSettings
from trackformer.training.teacher.label import labelled_film
from trackformer.training.teacher.settings import LabelSettings
from trackformer.training.teacher.write import BYTE_TRACK, OnnxTeacher

SAME_BOX: Final = 0.6
"""IoU from which a box of the film run forwards and one of it run backwards agree."""
SAME_PLACE: Final = 0.5
"""IoU below which a box of the film run backwards is of somebody else than all those agreed on."""
SHORTEST_TRACK: Final = 8
"""Frames; shorter tracks are not trusted."""


def part(sequence: AnnotatedSequence, first: int, end: int) -> AnnotatedSequence:
    """Some of the frames, counted from 0."""
    frames = sequence.frames[first:end]
    counted = tuple(replace(frame, frame_index=index) for index, frame in enumerate(frames))
    return replace(sequence, frames=counted)


def without_annotation(sequence: AnnotatedSequence) -> AnnotatedSequence:
    """What a user has."""
    frames = tuple(
        frame_without_objects(frame.frame_index, frame.image_path) for frame in sequence.frames
    )
    return replace(sequence, frames=frames)


def agreed_tracks(
    model: TrackFormer, film: AnnotatedSequence, settings: TrackerSettings
) -> AnnotatedSequence:
    """The model's tracks where those of the film run backwards have the same box.

    What only one of the two saw is an ignore region: training blames nobody for seeing it, or not.
    """
    video = encode_video(model, film)
    reversed_video = replace(video, memories=video.memories[::-1])
    forwards = _revised(film, track_encoded(model, video, [settings])[0])
    backwards = _revised(film, track_encoded(model, reversed_video, [settings])[0][::-1])
    lengths = Counter(
        track_id for frame in forwards.frames for track_id in frame.track_ids.tolist()
    )
    frames = [
        agreed(one, other, lengths)
        for one, other in zip(forwards.frames, backwards.frames, strict=True)
    ]
    return replace(film, frames=tuple(frames))


def teacher_tracks(detector: Path, film: AnnotatedSequence) -> AnnotatedSequence:
    """Another detector's boxes with ByteTrack's identities, as `trackformer data label` has them.

    Raises:
        CheckpointError: The detector cannot be read.
    """
    settings = LabelSettings()
    teacher = OnnxTeacher(OnnxProposals(detector, settings.ignore_score, settings.area))
    found = [teacher.find(frame) for frame in film.frames]
    detections = [
        ResultFrame(index, np.full(len(each.scores), -1), each.boxes_xyxy, each.scores)
        for index, each in enumerate(found)
    ]
    tracks = track_detections(BYTE_TRACK, detections, film.frame_rate or 25.0, {})
    return labelled_film(film, tracks, found, settings)


def agreed(
    forwards: AnnotatedFrame, backwards: AnnotatedFrame, lengths: Counter[int]
) -> AnnotatedFrame:
    """Objects of the first frame that the second has, too; all else in either is ignored.

    Args:
        forwards: With track ids.
        backwards: The same frame of the film run backwards.
        lengths: In frames, of the first frame's tracks.
    """
    is_long = np.array(
        [lengths[track_id] >= SHORTEST_TRACK for track_id in forwards.track_ids.tolist()],
        dtype=bool,
    )
    is_sure = is_long & (_most_overlap(forwards.boxes_xyxy, backwards.boxes_xyxy) > SAME_BOX)
    sure = forwards.only(is_sure)
    is_other = _most_overlap(backwards.boxes_xyxy, sure.boxes_xyxy) < SAME_PLACE
    unsure = np.concatenate([forwards.boxes_xyxy[~is_sure], backwards.boxes_xyxy[is_other]])
    return replace(
        sure,
        ignore_boxes_xyxy=unsure,
        ignore_is_distractor=np.ones(len(unsure), dtype=bool),
    )


def _revised(film: AnnotatedSequence, results: Sequence[ResultFrame]) -> AnnotatedSequence:
    """With hindsight."""
    frames = tuple(
        assemble_frame(frame.frame_index, frame.image_path, _entries(frame.frame_index, result))
        for frame, result in zip(film.frames, results, strict=True)
    )
    return revise(replace(film, frames=frames))


def _entries(frame_index: int, result: ResultFrame) -> list[Entry]:
    rows = zip(
        result.boxes_xyxy.tolist(), result.track_ids.tolist(), result.scores.tolist(), strict=True
    )
    return [
        Entry(
            where="",
            frame_index=frame_index,
            box_xyxy=(left, top, right, bottom),
            label=0,
            track_id=track_id,
            score=score,
            is_filled=False,
        )
        for (left, top, right, bottom), track_id, score in rows
    ]


def _most_overlap(
    boxes: Float[np.ndarray, "A 4"], others: Float[np.ndarray, "E 4"]
) -> Float[np.ndarray, " A"]:
    """The IoU of each box with the one of the others that it overlaps most; 0 without others."""
    overlap = pairwise_iou(torch.from_numpy(boxes), torch.from_numpy(others)).numpy()
    most: Float[np.ndarray, " A"] = overlap.max(axis=1, initial=0.0)
    return most
