"""Synthetic sequences as MOTChallenge folders, and their outlines as one COCO json file."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import cv2

from trackformer.atomic_files import whole_folder
from trackformer.data.annotations import AnnotatedData, AnnotatedFrame, AnnotatedSequence
from trackformer.data.masks import RunLengths, decode_mask
from trackformer.errors import DataError

JPEG_QUALITY: Final = 90
OUTLINES: Final = "annotations.json"
"""COCO: the videos of all sequences, every object with the run lengths of its visible part."""
USUAL_CLASSES: Final = ("person",)
"""MOTChallenge's pedestrian; other classes are named in `gt/labels.txt`, as CVAT does."""


@dataclass(slots=True)
class Written:
    """What has been written so far."""

    sequences: int = 0
    frames: int = 0
    boxes: int = 0
    identities: int = 0


@dataclass(slots=True)
class _Outlines:
    """COCO's tables, growing sequence by sequence."""

    videos: list[dict[str, Any]] = field(default_factory=list)
    images: list[dict[str, Any]] = field(default_factory=list)
    annotations: list[dict[str, Any]] = field(default_factory=list)


def write_sequences(
    data: AnnotatedData, folder: Path, on_sequence: Callable[[], None] = lambda: None
) -> Written:
    """Write all sequences, or none: they appear under their names when the last one is whole.

    Args:
        data: Frames with their pixels; with segmentations in all frames, or in none.
        folder: Gets one folder for each sequence, and `annotations.json` if there are outlines.
        on_sequence: Called after each sequence (progress).

    Raises:
        DataError: The folder cannot be written to, or has one of these already.
    """
    for name in (OUTLINES, *(sequence.name for sequence in data.sequences)):
        if (folder / name).exists():
            raise DataError(f"{folder / name}: exists already; choose another folder")
    written, outlines = Written(), _Outlines()
    try:
        with whole_folder(folder) as partial:
            for sequence in data.sequences:
                place = partial / sequence.name
                _write_sequence(sequence, data.class_names, place, written, outlines)
                on_sequence()
            if outlines.annotations:
                _write_outlines(outlines, data.class_names, partial / OUTLINES)
    except OSError as error:
        raise DataError(f"{folder}: cannot be written to: {error.strerror}") from error
    return written


def _write_sequence(
    sequence: AnnotatedSequence,
    class_names: tuple[str, ...],
    folder: Path,
    written: Written,
    outlines: _Outlines,
) -> None:
    assert sequence.image_size is not None
    for part in ("img1", "gt"):
        (folder / part).mkdir(parents=True)
    height, width = sequence.image_size
    video_id = written.sequences + 1
    outlines.videos.append(
        {"id": video_id, "name": sequence.name, "frame_rate": sequence.frame_rate}
    )
    lines: list[str] = []
    identities: set[int] = set()
    for frame in sequence.frames:
        name = f"{frame.frame_index + 1:06d}.jpg"
        (folder / "img1" / name).write_bytes(_jpeg(frame))
        lines += _rows(frame)
        identities |= set(frame.track_ids.tolist())
        image = {"file_name": f"{sequence.name}/img1/{name}", "height": height, "width": width}
        _add_outlines(frame, image, video_id, outlines)
        written.frames += 1
    (folder / "gt" / "gt.txt").write_text("".join(lines), encoding="utf-8")
    if class_names != USUAL_CLASSES:
        names = "".join(f"{name}\n" for name in class_names)
        (folder / "gt" / "labels.txt").write_text(names, encoding="utf-8")
    (folder / "seqinfo.ini").write_text(
        f"[Sequence]\nname={sequence.name}\nimDir=img1\nframeRate={sequence.frame_rate:g}\n"
        f"seqLength={len(sequence.frames)}\nimWidth={width}\nimHeight={height}\nimExt=.jpg\n",
        encoding="utf-8",
    )
    written.sequences += 1
    written.boxes += len(lines)
    written.identities += len(identities)


def _jpeg(frame: AnnotatedFrame) -> bytes:
    pixels = cv2.cvtColor(frame.read_pixels(), cv2.COLOR_RGB2BGR)
    _, content = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return bytes(content.tobytes())


def _rows(frame: AnnotatedFrame) -> list[str]:
    """Lines of `gt.txt`: frame, id, left, top, width, height, 1, class, visibility; from 1 on."""
    return [
        f"{frame.frame_index + 1},{track_id},{left + 1:.2f},{top + 1:.2f},"
        f"{right - left:.2f},{bottom - top:.2f},1,{label + 1},{visibility:.3f}\n"
        for track_id, (left, top, right, bottom), label, visibility in zip(
            frame.track_ids, frame.boxes_xyxy, frame.labels, frame.visibility, strict=True
        )
    ]


def _add_outlines(
    frame: AnnotatedFrame, image: dict[str, Any], video_id: int, outlines: _Outlines
) -> None:
    image_id = len(outlines.images) + 1
    outlines.images.append(
        {"id": image_id, "video_id": video_id, "frame_id": frame.frame_index, **image}
    )
    for row, outline in enumerate(frame.segmentations):
        assert isinstance(outline, RunLengths)
        left, top, right, bottom = (round(float(edge), 2) for edge in frame.boxes_xyxy[row])
        outlines.annotations.append(
            {
                "id": len(outlines.annotations) + 1,
                "image_id": image_id,
                "category_id": int(frame.labels[row]) + 1,
                "track_id": int(frame.track_ids[row]),
                "bbox": [left, top, round(right - left, 2), round(bottom - top, 2)],
                "area": int(decode_mask(outline, outline.image_size).sum()),
                "iscrowd": 0,
                "visibility": round(float(frame.visibility[row]), 3),
                "segmentation": {"counts": outline.counts, "size": outline.image_size},
            }
        )


def _write_outlines(outlines: _Outlines, class_names: tuple[str, ...], path: Path) -> None:
    categories = [{"id": number, "name": name} for number, name in enumerate(class_names, start=1)]
    content = {
        "videos": outlines.videos,
        "images": outlines.images,
        "annotations": outlines.annotations,
        "categories": categories,
    }
    path.write_text(json.dumps(content), encoding="utf-8")
