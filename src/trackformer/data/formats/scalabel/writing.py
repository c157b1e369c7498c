"""How data become one of Scalabel's json files: every frame with its labels, and the classes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from trackformer.data.annotations import AnnotatedData, AnnotatedFrame, AnnotatedSequence
from trackformer.data.formats.parts.writing import grouped_image_place, plain_name, required_size
from trackformer.data.formats.scalabel.layout import IGNORED, LAST_PIXEL, Record

FILE_NAME: Final = "annotations.json"


def write_scalabel(data: AnnotatedData, folder: Path) -> None:
    """Write `annotations.json` with the classes in its configuration."""
    folder.mkdir(parents=True, exist_ok=True)
    frames = [
        _frame_record(sequence, frame, data.class_names)
        for sequence in data.sequences
        for frame in sequence.frames
    ]
    categories = [{"name": name} for name in data.class_names]
    content = {"frames": frames, "config": {"categories": categories}}
    (folder / FILE_NAME).write_text(json.dumps(content), encoding="utf-8")


def _frame_record(
    sequence: AnnotatedSequence, frame: AnnotatedFrame, class_names: tuple[str, ...]
) -> Record:
    height, width = required_size(sequence)
    place = grouped_image_place(sequence, frame).removeprefix("images/")
    record: dict[str, Any] = {
        "name": place.rpartition("/")[2],
        "size": {"width": width, "height": height},
        "labels": list(_label_records(frame, class_names)),
    }
    if sequence.is_video:
        record |= {"videoName": plain_name(sequence), "frameIndex": frame.frame_index}
    return record


def _label_records(frame: AnnotatedFrame, class_names: tuple[str, ...]) -> Iterator[Record]:
    for row, box in enumerate(frame.boxes_xyxy):
        yield {
            "id": str(frame.track_ids[row]),
            "category": class_names[frame.labels[row]],
            "attributes": {
                "crowd": False,
                "occluded": bool(frame.visibility[row] < 1),
                "visibility": float(frame.visibility[row]),
            },
            "box2d": _box_record(box.tolist()),
            **({"score": float(frame.scores[row])} if len(frame.scores) else {}),
        }
    for row, box in enumerate(frame.ignore_boxes_xyxy):
        yield {
            "id": f"{IGNORED}-{row}",
            "category": IGNORED,
            "attributes": {"crowd": True},
            "box2d": _box_record(box.tolist()),
        }


def _box_record(box: Sequence[float]) -> Record:
    left, top, right, bottom = box
    return {"x1": left, "y1": top, "x2": right - LAST_PIXEL, "y2": bottom - LAST_PIXEL}
