"""How data become tasks that Label Studio imports: one for each video, boxes on key frames.

Tracks with scores become predictions, from which a person's annotations begin; others annotations.
"""

from __future__ import annotations

import json
from itertools import groupby
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np

from trackformer.data.annotations import AnnotatedData, AnnotatedFrame, AnnotatedSequence
from trackformer.data.formats.label_studio.layout import (
    BOX,
    CONFIG_NAME,
    FILE_NAME,
    KIND,
    PER_CENT,
    USUAL_FRAME_RATE,
    VIDEO,
    labeling_config,
)
from trackformer.data.formats.parts.key_frames import Stretch, stretches_of
from trackformer.data.formats.parts.writing import plain_name, required_size

Record: TypeAlias = dict[str, Any]
PLACES: Final = 6
"""Decimal places of a percentage: a ten-thousandth of a pixel in any video."""
MODEL: Final = "trackformer"


def write_label_studio(data: AnnotatedData, folder: Path) -> None:
    """Write `tasks.json` with every box, and the labeling interface that fits it."""
    write_label_studio_sparsely(data, folder, least_iou=1.0)


def write_label_studio_sparsely(data: AnnotatedData, folder: Path, least_iou: float) -> None:
    """The same with as few key frames as keep all other boxes at an IoU of `least_iou`."""
    tasks = [_task(sequence, data.class_names, least_iou) for sequence in data.sequences]
    (folder / FILE_NAME).write_text(json.dumps(tasks), encoding="utf-8")
    rates = [sequence.frame_rate for sequence in data.sequences]
    config = labeling_config(data.class_names, next(filter(None, rates), USUAL_FRAME_RATE))
    (folder / CONFIG_NAME).write_text(config, encoding="utf-8")


def _task(sequence: AnnotatedSequence, class_names: tuple[str, ...], least_iou: float) -> Record:
    height, width = required_size(sequence)
    has_scores = any(len(frame.scores) for frame in sequence.frames)
    stretches = groupby(stretches_of(sequence), key=lambda each: (each.track_id, each.label))
    regions = [_region(sequence, list(own), class_names, least_iou) for _, own in stretches]
    answer: Record = {"result": regions}
    if has_scores:
        answer |= {"model_version": MODEL, "score": _mean([each["score"] for each in regions])}
    return {
        # Where the video lies is for whoever imports this to say.
        "data": {
            VIDEO: f"{plain_name(sequence)}.mp4",
            "name": sequence.name,
            "width": width,
            "height": height,
            "frame_rate": sequence.frame_rate,
            "num_frames": len(sequence.frames),
        },
        "predictions" if has_scores else "annotations": [answer],
    }


def _region(
    sequence: AnnotatedSequence,
    stretches: list[Stretch],
    class_names: tuple[str, ...],
    least_iou: float,
) -> Record:
    """One object under one label, through all its stretches."""
    track_id, label = stretches[0].track_id, stretches[0].label
    rate = sequence.frame_rate or USUAL_FRAME_RATE
    keys: list[Record] = []
    for stretch in stretches:
        places = stretch.key_places(least_iou)
        # Switched off in its last frame, which still has it: else it would stay for ever.
        keys += [_key(sequence, place, rate, stays=place != places[-1]) for place in places]
    region = {
        # The label, too: an object whose class changes is two regions.
        "id": f"{track_id}-{label}",
        "type": KIND,
        "from_name": BOX,
        "to_name": VIDEO,
        "value": {
            "framesCount": len(sequence.frames),
            "duration": len(sequence.frames) / rate,
            "sequence": keys,
            "labels": [class_names[label]],
        },
    }
    scores = [
        float(frame.scores[row])
        for stretch in stretches
        for frame, row in stretch.places
        if len(frame.scores)
    ]
    return region | ({"score": _mean(scores)} if scores else {})


def _key(
    sequence: AnnotatedSequence, place: tuple[AnnotatedFrame, int], rate: float, *, stays: bool
) -> Record:
    frame, row = place
    height, width = required_size(sequence)
    shares = frame.boxes_xyxy[row] / np.array([width, height, width, height]) * PER_CENT
    left, top, right, bottom = shares.tolist()
    number = frame.frame_index + 1
    return {
        "frame": number,
        "time": round(number / rate, 4),
        "enabled": stays,
        "rotation": 0,
        "x": round(left, PLACES),
        "y": round(top, PLACES),
        "width": round(right - left, PLACES),
        "height": round(bottom - top, PLACES),
    }


def _mean(scores: list[float]) -> float:
    return round(float(np.mean(scores)), 4) if scores else 0.0
