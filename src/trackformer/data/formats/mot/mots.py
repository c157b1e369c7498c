"""How MOTS20 and KITTI-MOTS are read and written: tracks as masks, none of which overlap."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from jaxtyping import Int

from trackformer.atomic_files import whole_file
from trackformer.data.annotations import AnnotatedData, AnnotatedSequence
from trackformer.data.formats.limits.numbers import video_length
from trackformer.data.formats.mot.folder import is_sequence_folder, read_sequence_folder
from trackformer.data.formats.mot.mots_rows import (
    CAR,
    IGNORED,
    PEDESTRIAN,
    MotsRow,
    as_coco,
    boxes_of,
    is_mots_file,
    read_mots_rows,
    rows_by_frame,
)
from trackformer.data.formats.parts.assembly import Entry, Kind, assemble_frames
from trackformer.data.formats.parts.image_folders import list_frames, size_of_first
from trackformer.data.formats.parts.malformed import Report, refuse
from trackformer.data.formats.parts.result_folders import tracker_data
from trackformer.data.masks import RunLengths, encode_mask
from trackformer.errors import DataError

if TYPE_CHECKING:
    # Only for the signature: result files are read and scored without loading torch.
    import trackformer.objects

CLASS_IDS: Final[Mapping[str, int]] = {"person": PEDESTRIAN, "pedestrian": PEDESTRIAN, "car": CAR}
"""The formats know no other classes."""
KITTI_LABELS, KITTI_IMAGES = "instances_txt", "image_02"


@dataclass(frozen=True, slots=True, eq=False)
class MotsFrame:
    """The tracked masks of one frame."""

    frame_index: int
    """0-based."""
    track_ids: Int[np.ndarray, " N"]
    class_ids: Int[np.ndarray, " N"]
    """`CAR` or `PEDESTRIAN`."""
    outlines: tuple[RunLengths, ...]


def is_mots(path: Path) -> bool:
    """Whether a path holds masks as text: a file, a sequence, or a folder of either."""
    files = _ground_truths(path)
    return bool(files) and is_mots_file(files[0])


def read_mots(path: Path, report: Report = refuse) -> AnnotatedData:
    """Read MOTS20 (`NAME/gt/gt.txt`) or KITTI-MOTS (`instances_txt/NAME.txt`), or one file.

    Boxes are the smallest around the masks; ignore regions keep their outlines, too. Cars are a
    class where there are some.

    Raises:
        DataError: There is no such file, or a line is malformed and not reported.
    """
    files = _ground_truths(path)
    if not files:
        raise DataError(f"{path}: expected a MOTS text file, a sequence or a folder of them")
    rows = {file: read_mots_rows(file, report) for file in files}
    has_cars = any(row.class_id == CAR for found in rows.values() for row in found)
    sequences = tuple(_sequence(file, found, report) for file, found in rows.items())
    return AnnotatedData(sequences, ("person", "car") if has_cars else ("person",))


def read_mots_results(path: Path) -> tuple[MotsFrame, ...]:
    """Read a result file: the frames that have a line, in order.

    Raises:
        DataError: A line is malformed, an id is there twice in a frame, or masks overlap.
    """
    frames = []
    for frame_index, rows in rows_by_frame(read_mots_rows(path)):
        _check_frame(rows)
        frames.append(
            MotsFrame(
                frame_index,
                np.array([row.track_id for row in rows], dtype=np.int64),
                np.array([row.class_id for row in rows], dtype=np.int64),
                tuple(row.outline for row in rows),
            )
        )
    return tuple(frames)


def write_mots_results(path: Path, frames: Iterable[MotsFrame]) -> None:
    """Write a whole result file; the inverse of `read_mots_results`."""
    with whole_file(path) as partial, partial.open("wb") as file:
        for frame in frames:
            file.write(mots_lines(frame))


def mots_lines(frame: MotsFrame) -> bytes:
    """The lines of a frame in a result file, counted from 1 as in MOTS20; without objects, none."""
    lines = [
        f"{frame.frame_index + 1} {track_id} {class_id} {outline.image_size[0]} "
        f"{outline.image_size[1]} {outline.counts}\n"
        for track_id, class_id, outline in zip(
            frame.track_ids, frame.class_ids, frame.outlines, strict=True
        )
    ]
    return "".join(lines).encode()


def mots_frame_of(objects: trackformer.objects.TrackedObjects) -> MotsFrame:
    """A tracker's masks as the formats hold them.

    Left out: objects of other classes than `CLASS_IDS`, and those hidden behind others.
    """
    if objects.masks is None:
        raise DataError("expected tracked objects with masks, got boxes only")
    masks = objects.masks.cpu().numpy()
    class_ids = [_class_id(objects, label) for label in objects.labels.tolist()]
    rows = [row for row, class_id in enumerate(class_ids) if class_id and masks[row].any()]
    return MotsFrame(
        objects.frame_index,
        objects.track_ids.cpu().numpy()[rows],
        np.array([class_ids[row] for row in rows], dtype=np.int64),
        tuple(encode_mask(masks[row]) for row in rows),
    )


def _class_id(objects: trackformer.objects.TrackedObjects, label: int) -> int:
    known = label < len(objects.class_names)
    return CLASS_IDS.get(objects.class_names[label], 0) if known else 0


def _ground_truths(path: Path) -> list[Path]:
    """The annotation files that a path means."""
    if path.is_file():
        return [path]
    if is_sequence_folder(path):
        candidates = [path / "gt" / "gt.txt"]
    elif path.name == KITTI_LABELS or (path / KITTI_LABELS).is_dir():
        folder = path if path.name == KITTI_LABELS else path / KITTI_LABELS
        candidates = sorted(folder.glob("*.txt"))
    elif (results := tracker_data(path)) is not None:
        candidates = sorted(results.glob("*.txt"))
    else:
        candidates = sorted(path.glob("*/gt/gt.txt"))
    return [file for file in candidates if file.is_file()]


def _sequence(file: Path, rows: Sequence[MotsRow], report: Report) -> AnnotatedSequence:
    num_frames = _length(file, rows, 0, report)
    if file.name == "gt.txt" and file.parent.name == "gt":
        folder = read_sequence_folder(file.parents[1], report)
        name, images, size = folder.name, folder.image_paths, folder.image_size
        # The folder knows the length; a line beyond it is reported.
        num_frames, frame_rate = folder.num_frames or num_frames, folder.frame_rate
    else:
        name, frame_rate = file.stem, None
        images = list_frames(file.parents[1] / KITTI_IMAGES / name, report)
        size = size_of_first(images)
        num_frames = _length(file, rows, len(images), report)
    boxes = boxes_of([row.outline for row in rows]).tolist()
    paths = images + (None,) * (num_frames - len(images))
    return AnnotatedSequence(
        name=name,
        frames=assemble_frames(map(_entry, rows, boxes), paths, report),
        image_size=size or (rows[0].outline.image_size if rows else None),
        frame_rate=frame_rate,
        is_video=True,
        forgives_ignored=True,
        annotation_path=file,
        image_root=file.parents[1] / KITTI_IMAGES,
    )


def _length(file: Path, rows: Sequence[MotsRow], num_images: int, report: Report) -> int:
    annotated = {row.frame_index for row in rows}
    last = video_length(str(file), report, num_images=0, stated=0, annotated=annotated)
    return max(num_images, last)


def _entry(row: MotsRow, box: list[float]) -> Entry:
    left, top, right, bottom = box
    return Entry(
        row.where,
        row.frame_index,
        (left, top, right, bottom),
        Kind.IGNORED if row.class_id == IGNORED else Kind.OBJECT,
        label=int(row.class_id == CAR),
        track_id=row.track_id,
        segmentation=row.outline,
    )


def _check_frame(rows: Sequence[MotsRow]) -> None:
    from pycocotools import mask as coco_mask  # type: ignore[import-untyped]

    ids: set[int] = set()
    for row in rows:
        if row.track_id in ids:
            raise DataError(f"{row.where}: expected each id once in a frame, got {row.track_id}")
        ids.add(row.track_id)
    masks = [as_coco(row.outline) for row in rows]
    if coco_mask.area(masks).sum() > coco_mask.area(coco_mask.merge(masks)):
        raise DataError(f"{rows[-1].where}: expected masks of a frame that do not overlap")
