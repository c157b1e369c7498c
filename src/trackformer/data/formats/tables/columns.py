"""Annotated data as two tables, one row a box and one row a video, and back.

Frames and pixels count from 0; `time_s` is the frame's time at the video's frame rate.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

from trackformer.data.annotations import AnnotatedData, AnnotatedSequence
from trackformer.data.formats.limits.numbers import (
    MAX_FRAME,
    finite,
    frame_rate_of,
    shown,
    size_of,
    video_length,
    whole,
)
from trackformer.data.formats.parts.assembly import Entry, assemble_frames, score_of
from trackformer.data.formats.parts.class_lists import ordered_classes
from trackformer.data.formats.parts.malformed import MalformedError, Report
from trackformer.errors import DataError

Columns: TypeAlias = Mapping[str, Sequence[Any]]
"""Values by the name of their column; None where there is none."""
BOX_COLUMNS: Final = {
    "video": str,
    "frame_index": int,
    "time_s": float,
    "track_id": int,
    "label": str,
    "score": float,
    "left": float,
    "top": float,
    "right": float,
    "bottom": float,
    "visibility": float,
    "is_filled": bool,
}
"""Each with the type of its values."""
VIDEO_COLUMNS: Final = {
    "video": str,
    "is_video": bool,
    "num_frames": int,
    "width": int,
    "height": int,
    "frame_rate": float,
}
SIDES: Final = ("left", "top", "right", "bottom")


@dataclass(frozen=True, slots=True)
class Tables:
    """All that these tables say of annotated data."""

    boxes: Columns
    videos: Columns


def tables_of(data: AnnotatedData) -> Tables:
    """The tables of annotated data, rows in the order of videos, frames and objects."""
    boxes: dict[str, list[Any]] = {name: [] for name in BOX_COLUMNS}
    videos: dict[str, list[Any]] = {name: [] for name in VIDEO_COLUMNS}
    for sequence in data.sequences:
        height, width = sequence.image_size or (None, None)
        row = (
            sequence.name, sequence.is_video, len(sequence.frames), width, height,
            sequence.frame_rate,
        )  # fmt: skip
        for name, value in zip(VIDEO_COLUMNS, row, strict=True):
            videos[name].append(value)
        _add_boxes(boxes, sequence, data.class_names)
    return Tables(boxes, videos)


def data_of(tables: Tables, path: Path, report: Report) -> AnnotatedData:
    """The annotated data of two tables; `path` is where the boxes came from.

    Raises:
        DataError: A column is missing.
    """
    _check_columns(tables.boxes, BOX_COLUMNS, path)
    _check_columns(tables.videos, VIDEO_COLUMNS, path.with_stem("videos"))
    class_names = ordered_classes((str(name) for name in tables.boxes["label"]), ()) or ("person",)
    entries: dict[str, list[Entry]] = defaultdict(list)
    for number, row in enumerate(_rows(tables.boxes), start=1):
        where = f"{path}: row {number}"
        try:
            entry = _entry(row, class_names, where)
        except (TypeError, ValueError):
            report(
                MalformedError(
                    "malformed", where, f"expected numbers and a label, got {shown(row)}"
                )
            )
        else:
            entries[str(row["video"])].append(entry)
    sequences: list[AnnotatedSequence] = []
    for row in _rows(tables.videos):
        name, size = str(row["video"]), (row["height"], row["width"])
        if any(name == other.name for other in sequences):
            raise DataError(
                f"{path.with_stem('videos')}: expected each video once, got {name} again"
            )
        own = entries.pop(name, [])
        try:
            image_size = None if None in size else size_of(*size)
            frame_rate = frame_rate_of(row["frame_rate"])
            stated = whole(row["num_frames"], "num_frames", 0, MAX_FRAME)
        except ValueError as error:
            raise DataError(f"{path.with_stem('videos')}: video {name}: {error}") from error
        annotated = {entry.frame_index for entry in own}
        length = video_length(
            str(path.with_stem("videos")), report, num_images=0, stated=stated, annotated=annotated
        )
        images = (None,) * min(length, stated)
        sequences.append(
            AnnotatedSequence(
                name=name,
                frames=assemble_frames(own, images, report),
                image_size=image_size,
                frame_rate=frame_rate,
                is_video=bool(row["is_video"]),
                forgives_ignored=True,
                annotation_path=path,
            )
        )
    for name, unknown in entries.items():
        what = f"expected a video of {path.with_stem('videos').name}, got {name}"
        report(MalformedError("malformed", unknown[0].where, what))
    return AnnotatedData(tuple(sequences), class_names)


def _add_boxes(
    columns: dict[str, list[Any]], sequence: AnnotatedSequence, class_names: tuple[str, ...]
) -> None:
    rate = sequence.frame_rate
    for frame in sequence.frames:
        time = None if rate is None else round(frame.frame_index / rate, 4)
        for row, box in enumerate(frame.boxes_xyxy.tolist()):
            values = (
                sequence.name,
                frame.frame_index,
                time,
                int(frame.track_ids[row]),
                class_names[frame.labels[row]],
                float(frame.scores[row]) if len(frame.scores) else None,
                *box,
                float(frame.visibility[row]),
                bool(frame.is_filled[row : row + 1].any()),
            )
            for name, value in zip(BOX_COLUMNS, values, strict=True):
                columns[name].append(value)


def _check_columns(columns: Columns, expected: Mapping[str, type], path: Path) -> None:
    missing = [name for name in expected if name not in columns]
    if missing:
        raise DataError(f"{path}: expected the columns {', '.join(expected)}, got no {missing[0]}")


def _rows(columns: Columns) -> list[dict[str, Any]]:
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _entry(row: Mapping[str, Any], class_names: tuple[str, ...], where: str) -> Entry:
    left, top, right, bottom = (finite(row[side], side) for side in SIDES)
    return Entry(
        where=where,
        frame_index=whole(row["frame_index"], "a frame", 0, MAX_FRAME),
        box_xyxy=(left, top, right, bottom),
        label=class_names.index(str(row["label"])),
        track_id=whole(row["track_id"], "a track id"),
        visibility=finite(row["visibility"], "a visibility"),
        score=score_of(row["score"]),
        is_filled=bool(row["is_filled"]),
    )
