"""How KITTI tracking folders are read and written: `label_02/NAME.txt` and `image_02/NAME/`.

A line is `frame id type truncated occluded alpha left top right bottom` and seven numbers in three
dimensions, which are not read; results have a score behind them. Frames and pixels count from 0.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from trackformer.data.annotations import AnnotatedData, AnnotatedFrame, AnnotatedSequence
from trackformer.data.formats.limits.numbers import MAX_FRAME, finite, video_length, whole
from trackformer.data.formats.parts.assembly import NO_ID, Entry, Kind, assemble_frames, score_of
from trackformer.data.formats.parts.class_lists import ordered_classes
from trackformer.data.formats.parts.image_folders import list_frames, size_of_first
from trackformer.data.formats.parts.malformed import MalformedError, Report, refuse
from trackformer.data.formats.parts.result_folders import tracker_data
from trackformer.data.formats.parts.text_files import first_fields, read_text
from trackformer.data.formats.parts.writing import image_suffix, number, plain_name
from trackformer.data.results import ResultFrame
from trackformer.errors import DataError

LABELS, IMAGES = "label_02", "image_02"
SEQUENCES = ("evaluate_tracking.seqmap.training", "evaluate_tracking.seqmap")
"""The list of sequences, as KITTI's own and TrackEval's evaluations look for it; the first is
written."""
IGNORED = "DontCare"
KITTI_CLASSES = ("Car", "Van", "Truck", "Pedestrian", "Person", "Cyclist", "Tram", "Misc")
KITTI_NAMES = {"person": "Pedestrian"} | {
    name.lower(): name for name in KITTI_CLASSES if name != "Person"
}
"""What KITTI and its evaluation, which drops others, call a class; its `Person` is one who sits."""
FRAME_RATE = 10.0
MIN_COLUMNS, MAX_COLUMNS = 10, 18
SCORE = 17
"""The last column, which results have and annotations have not."""
VISIBILITY_OF_OCCLUSION = {0: 1.0, 1: 0.6, 2: 0.2, 3: 1.0}
"""Fully visible, partly occluded, largely occluded, unknown; KITTI names no shares."""
LEAST_OF_STEP = (0.8, 0.4)
"""Written as fully visible from the first share on, as partly occluded from the second."""
UNKNOWN_ALPHA = "-10"
UNKNOWN_3D = "-1 -1 -1 -1000 -1000 -1000 -10"
"""KITTI's values of size, place and rotation where they are not annotated."""


@dataclass(frozen=True, slots=True)
class _Line:
    """One line; the class still by name."""

    entry: Entry
    class_name: str


def label_folder(path: Path) -> Path | None:
    """The folder of label files that a path means: itself, or `label_02` in it (or in training).

    Also TrackEval's folder of a tracker's results, where they are KITTI's.
    """
    if path.is_file():
        return path.parent if path.parent.name == LABELS or is_kitti_file(path) else None
    choices = (path, path / LABELS, path / "training" / LABELS)
    found = (folder for folder in choices if folder.name == LABELS and folder.is_dir())
    results = tracker_data(path)
    if results is not None and not any(map(is_kitti_file, sorted(results.glob("*.txt")))):
        results = None
    return next(found, results)


def is_kitti_file(path: Path) -> bool:
    """Whether a text file begins with a line whose third field is no number, but a class."""
    if path.suffix != ".txt" or not path.is_file():
        return False
    fields = first_fields(path)
    has_class = len(fields) >= MIN_COLUMNS and re.fullmatch(r"[A-Za-z_]\w*", fields[2]) is not None
    return has_class and fields[2].lower() not in ("nan", "inf")


def read_kitti_results(path: Path, class_names: Sequence[str]) -> tuple[ResultFrame, ...]:
    """Read a tracker's file: the frames that have a line, in order; a missing score counts as 1.

    Args:
        path: The file.
        class_names: Which the labels count, by KITTI's name or their own; objects of other classes
            have the label -1.

    Raises:
        DataError: A line is malformed, or an id is there twice in a frame.
    """
    frames: dict[int, list[_Line]] = {}
    for line in _read_lines(path, refuse):
        if line.entry.kind is Kind.OBJECT:
            frames.setdefault(line.entry.frame_index, []).append(line)
    return tuple(_result(index, lines, class_names) for index, lines in sorted(frames.items()))


def _result(index: int, lines: Sequence[_Line], class_names: Sequence[str]) -> ResultFrame:
    ids = [line.entry.track_id for line in lines]
    for row, track_id in enumerate(ids):
        if track_id in ids[:row]:
            where = lines[row].entry.where
            raise DataError(f"{where}: expected each id once in a frame, got {track_id} again")
    places = {name: label for label, name in enumerate(written_names(class_names))}
    places |= {name: label for label, name in enumerate(class_names)}
    scores = [line.entry.score for line in lines]
    return ResultFrame(
        index,
        np.array(ids, dtype=np.int64),
        np.array([line.entry.box_xyxy for line in lines], dtype=np.float64),
        np.array([1.0 if score is None else score for score in scores]),
        np.array([places.get(line.class_name, -1) for line in lines], dtype=np.int64),
    )


def read_kitti(path: Path, report: Report = refuse) -> AnnotatedData:
    """Read a folder with `label_02`, or a single file of it.

    The classes are those that occur, in KITTI's order.

    Raises:
        DataError: There are no label files.
    """
    folder = label_folder(path)
    files = [path] if path.is_file() else sorted(folder.glob("*.txt")) if folder else []
    if folder is None or not files:
        raise DataError(f"{path}: expected {LABELS} with a text file for each sequence")
    lines = {file: list(_read_lines(file, report)) for file in files}
    class_names = ordered_classes(
        (line.class_name for found in lines.values() for line in found), KITTI_CLASSES, IGNORED
    )
    lengths = _stated_lengths(folder.parent)
    return AnnotatedData(
        tuple(
            _read_sequence(file, found, class_names, lengths.get(file.stem, 0), report)
            for file, found in lines.items()
        ),
        class_names,
    )


def write_kitti(data: AnnotatedData, folder: Path) -> None:
    """Write `label_02`, and the list of sequences with their lengths for KITTI's evaluation."""
    (folder / LABELS).mkdir(parents=True)
    lengths, class_names = [], written_names(data.class_names)
    for sequence in data.sequences:
        name = plain_name(sequence)
        text = "".join(line for frame in sequence.frames for line in _lines(frame, class_names))
        (folder / LABELS / f"{name}.txt").write_text(text, encoding="utf-8")
        lengths.append(f"{name} empty 000000 {len(sequence.frames):06d}\n")
    (folder / SEQUENCES[0]).write_text("".join(lengths), encoding="utf-8")


def kitti_image_place(sequence: AnnotatedSequence, frame: AnnotatedFrame) -> str:
    """`image_02/NAME/000012.png`."""
    return f"{IMAGES}/{plain_name(sequence)}/{frame.frame_index:06d}{image_suffix(frame)}"


def written_names(class_names: Sequence[str]) -> list[str]:
    """What each class is called in a KITTI file: by KITTI's name if it has one that is free.

    >>> written_names(["person", "car", "big dog"])
    ['Pedestrian', 'Car', 'big_dog']
    >>> written_names(["person", "Pedestrian"])
    ['person', 'Pedestrian']
    """
    names = []
    for name in class_names:
        known = KITTI_NAMES.get(name, name)
        # Fields are separated by spaces.
        names.append(re.sub(r"\s+", "_", name if known in class_names else known))
    return names


def _lines(frame: AnnotatedFrame, class_names: Sequence[str]) -> Iterator[str]:
    for row, box in enumerate(frame.boxes_xyxy):
        kind, visibility = class_names[frame.labels[row]], frame.visibility[row]
        score = f" {number(frame.scores[row])}" if len(frame.scores) else ""
        occluded = sum(visibility < least for least in LEAST_OF_STEP)
        yield (
            f"{frame.frame_index} {frame.track_ids[row]} {kind} 0 {occluded} {UNKNOWN_ALPHA} "
            f"{' '.join(map(number, box))} {UNKNOWN_3D}{score}\n"
        )
    for box in frame.ignore_boxes_xyxy:
        yield (
            f"{frame.frame_index} -1 {IGNORED} -1 -1 {UNKNOWN_ALPHA} "
            f"{' '.join(map(number, box))} {UNKNOWN_3D}\n"
        )


def _read_lines(path: Path, report: Report) -> Iterator[_Line]:
    text = read_text(path, "a text file of fields separated by spaces")
    for line_number, line in enumerate(text.splitlines(), start=1):
        fields = line.split()
        where = f"{path}:{line_number}"
        if not fields:
            continue
        if not MIN_COLUMNS <= len(fields) <= MAX_COLUMNS:
            what = (
                f"expected {MIN_COLUMNS} to {MAX_COLUMNS} fields (frame id type truncated occluded "
                f"alpha left top right bottom ...), got {len(fields)}"
            )
            report(MalformedError("malformed", where, what))
            continue
        try:
            yield _parse_fields(fields, where)
        except ValueError as error:
            report(MalformedError("malformed", where, str(error)))


def _parse_fields(fields: Sequence[str], where: str) -> _Line:
    left, top, right, bottom = (finite(field, "a corner") for field in fields[6:10])
    is_ignored = fields[2] == IGNORED
    entry = Entry(
        where=where,
        frame_index=whole(fields[0], "a frame", 0, MAX_FRAME),
        box_xyxy=(left, top, right, bottom),
        kind=Kind.IGNORED if is_ignored else Kind.OBJECT,
        track_id=NO_ID if is_ignored else whole(fields[1], "an id"),
        visibility=VISIBILITY_OF_OCCLUSION.get(int(finite(fields[4], "an occlusion")), 1.0),
        score=score_of(finite(fields[SCORE], "a score")) if len(fields) == MAX_COLUMNS else None,
    )
    return _Line(entry, fields[2])


def _read_sequence(
    path: Path, lines: Sequence[_Line], class_names: Sequence[str], length: int, report: Report
) -> AnnotatedSequence:
    entries = [
        line.entry
        if line.entry.kind is Kind.IGNORED
        else replace(line.entry, label=class_names.index(line.class_name))
        for line in lines
    ]
    paths = list_frames(path.parent.parent / IMAGES / path.stem, report)
    num_frames = len(paths) or video_length(
        str(path),
        report,
        num_images=0,
        stated=length,
        annotated={entry.frame_index for entry in entries},
    )
    return AnnotatedSequence(
        name=path.stem,
        frames=assemble_frames(entries, paths or (None,) * num_frames, report),
        image_size=size_of_first(paths),
        frame_rate=FRAME_RATE,
        is_video=True,
        forgives_ignored=True,
        annotation_path=path,
        image_root=path.parent.parent / IMAGES,
    )


def _stated_lengths(folder: Path) -> dict[str, int]:
    """Frames of each sequence; empty where there is no such list."""
    path = next((folder / name for name in SEQUENCES if (folder / name).is_file()), None)
    if path is None:
        return {}
    rows = [line.split() for line in read_text(path, "a text file").splitlines()]
    return {
        row[0]: whole(row[3], "a length")
        for row in rows
        if len(row) == 4 and re.fullmatch(r"[0-9]{1,18}", row[3])
    }
