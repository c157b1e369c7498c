"""How data become a COCO json file, with videos and track ids where there are videos."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Bool

from trackformer.data.annotations import AnnotatedData, AnnotatedFrame, AnnotatedSequence
from trackformer.data.formats.parts.writing import grouped_image_place, required_size
from trackformer.data.masks import (
    MaskImage,
    Polygons,
    RunLengths,
    Segmentation,
    decode_mask,
)

Record: TypeAlias = dict[str, Any]
FILE_NAME = "annotations.json"


def write_coco(data: AnnotatedData, folder: Path) -> None:
    """Write `annotations.json`; image names count from the folder `images` beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    images: list[Record] = []
    videos: list[Record] = []
    annotations: list[Record] = []
    ids = count(1)
    for sequence in data.sequences:
        video = _video_record(sequence, len(videos) + 1)
        videos += [video] if sequence.is_video else []
        for frame in sequence.frames:
            images.append(_image_record(sequence, frame, len(images) + 1, video["id"]))
            for record in _annotation_records(sequence, frame):
                annotations.append({"id": next(ids), "image_id": len(images), **record})
    content = {
        "images": images,
        "annotations": annotations,
        "categories": [
            {"id": label + 1, "name": name} for label, name in enumerate(data.class_names)
        ],
    }
    content |= {"videos": videos} if videos else {}
    (folder / FILE_NAME).write_text(json.dumps(content), encoding="utf-8")


def _video_record(sequence: AnnotatedSequence, video_id: int) -> Record:
    rate = {} if sequence.frame_rate is None else {"frame_rate": sequence.frame_rate}
    return {"id": video_id, "name": sequence.name, **rate}


def _image_record(
    sequence: AnnotatedSequence, frame: AnnotatedFrame, image_id: int, video_id: int
) -> Record:
    height, width = required_size(sequence)
    name = grouped_image_place(sequence, frame).removeprefix("images/")
    record = {"id": image_id, "file_name": name, "height": height, "width": width}
    if sequence.is_video:
        record |= {"video_id": video_id, "frame_id": frame.frame_index}
    return record


def _annotation_records(
    sequence: AnnotatedSequence, frame: AnnotatedFrame
) -> Iterator[Mapping[str, Any]]:
    for row, box in enumerate(frame.boxes_xyxy.tolist()):
        record = _box_record(box) | {
            "category_id": int(frame.labels[row]) + 1,
            "iscrowd": 0,
            "visibility": float(frame.visibility[row]),
        }
        if len(frame.scores):
            record["score"] = float(frame.scores[row])
        if sequence.is_video:
            record["track_id"] = int(frame.track_ids[row])
        if len(frame.visible_boxes_xyxy):
            visible = _box_record(frame.visible_boxes_xyxy[row].tolist())
            record["visible_bbox"] = visible["bbox"]
        if frame.segmentations:
            record |= _outline_record(frame.segmentations[row], required_size(sequence))
        yield record
    for box in frame.ignore_boxes_xyxy.tolist():
        yield _box_record(box) | {"category_id": 1, "iscrowd": 1}


def _box_record(box: list[float]) -> Record:
    left, top, right, bottom = box
    size = (right - left, bottom - top)
    return {"bbox": [left, top, *size], "area": size[0] * size[1]}


def _outline_record(segmentation: Segmentation | None, image_size: tuple[int, int]) -> Record:
    match segmentation:
        case Polygons(parts):
            return {"segmentation": [list(part) for part in parts]}
        case RunLengths(counts, (height, width)):
            runs = counts if isinstance(counts, str) else list(counts)
            return {"segmentation": {"counts": runs, "size": [height, width]}}
        case MaskImage():
            return {"segmentation": _run_lengths(decode_mask(segmentation, image_size))}
        case None:
            return {}


def _run_lengths(mask: Bool[np.ndarray, "H W"]) -> Record:
    """COCO's runs of background and object by turns, column by column."""
    pixels = mask.T.ravel()
    ends = np.flatnonzero(np.diff(pixels)) + 1
    lengths = np.diff([0, *ends, len(pixels)]).tolist()
    # The first run is background, if only of length 0.
    counts = [0, *lengths] if len(pixels) and pixels[0] else lengths
    return {"counts": counts, "size": list(mask.shape)}
