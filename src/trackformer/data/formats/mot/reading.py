"""How MOTChallenge folders and files are read and written.

The format counts frames and pixels from 1; that ends here: everything returned counts from 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from trackformer.data.annotations import (
    AnnotatedData,
    AnnotatedFrame,
    AnnotatedSequence,
    frame_without_objects,
)
from trackformer.data.formats.limits.numbers import video_length
from trackformer.data.formats.mot.benchmarks import (
    benchmark_files,
    benchmark_images,
    benchmark_name,
)
from trackformer.data.formats.mot.classes import (
    CLASS_NAMES as CLASS_NAMES,
)
from trackformer.data.formats.mot.classes import (
    checked_rows,
    read_class_names,
    row_kinds,
    visibility_of,
)
from trackformer.data.formats.mot.columns import NamedRows, named_rows
from trackformer.data.formats.mot.folder import is_sequence_folder, read_sequence_folder
from trackformer.data.formats.mot.result_sequences import read_result_sequences, result_files
from trackformer.data.formats.mot.results import (
    mot_lines as mot_lines,
)
from trackformer.data.formats.mot.results import (
    read_mot_results as read_mot_results,
)
from trackformer.data.formats.mot.results import (
    write_mot_results as write_mot_results,
)
from trackformer.data.formats.mot.rows import (
    FRAME,
    MotRows,
    boxes_from_zero,
    read_mot_rows,
    rows_by_frame,
)
from trackformer.data.formats.parts.image_folders import list_frames, size_of_first
from trackformer.data.formats.parts.malformed import Report, refuse
from trackformer.errors import DataError


def read_mot(path: Path, report: Report = refuse) -> AnnotatedData:
    """Read a sequence folder, a split folder of them, or a ground-truth file.

    Also a folder of VisDrone (`annotations/NAME.txt` beside `sequences/NAME`), UAVDT
    (`NAME_gt_whole.txt`) or a tracker's results (TrackEval's `data/NAME.txt`). A sub-folder is a
    sequence where it holds `gt` or `img1`. Classes are those of `gt/labels.txt` where there is one
    (CVAT writes it), of VisDrone or UAVDT where the columns are theirs, else MOTChallenge's, of
    which pedestrians are objects.
    """
    if path.is_file() or benchmark_files(path):
        files = [path] if path.is_file() else benchmark_files(path)
        return _joined([read_mot_file(file, report=report) for file in files])
    if not path.is_dir():
        raise DataError(f"{path}: no such file or folder")
    if results := result_files(path):
        return read_result_sequences(results, report)
    folders = [path]
    if not is_sequence_folder(path):
        folders = sorted(folder for folder in path.iterdir() if is_sequence_folder(folder))
    if not folders:
        raise DataError(
            f"{path}: expected a sequence (a folder with gt or img1) or a folder of sequences"
        )
    return _joined([_read_folder(folder, report) for folder in folders])


def read_mot_sequence(path: Path, report: Report = refuse) -> AnnotatedSequence:
    """Read one sequence folder: `gt/gt.txt`, with `img1` or `seqinfo.ini` or both where present.

    Raises:
        DataError: The annotations are missing, malformed or beyond the last frame, or the folder
            contradicts itself.
    """
    return _read_folder(path, report).sequences[0]


def read_mot_ground_truth(
    path: Path, num_frames: int = 0, report: Report = refuse
) -> AnnotatedSequence:
    """The sequence of `read_mot_file`."""
    return read_mot_file(path, num_frames, report).sequences[0]


def read_mot_file(path: Path, num_frames: int = 0, report: Report = refuse) -> AnnotatedData:
    """Read a ground-truth file; images are found only where VisDrone or UAVDT have them.

    Args:
        path: The file. `NAME/gt/gt.txt` is called NAME, any other file by its own name.
        num_frames: Least number of frames of the video: the file tells only the last annotated.
        report: Takes what is malformed.
    """
    named = named_rows(read_mot_rows(path, report), read_class_names(path))
    in_sequence_folder = path.name == "gt.txt" and path.resolve().parent.name == "gt"
    name = path.resolve().parents[1].name if in_sequence_folder else benchmark_name(path)
    images = list_frames(folder, report) if (folder := benchmark_images(path)) else ()
    length = _length(named.rows, len(images), num_frames, report)
    sequence = AnnotatedSequence(
        name=name,
        frames=_annotated_frames(named, name, images + (None,) * (length - len(images)), report),
        image_size=size_of_first(images),
        frame_rate=None,
        is_video=True,
        forgives_ignored=bool(named.class_names),
        annotation_path=path,
        image_root=folder,
    )
    return AnnotatedData((sequence,), named.class_names or CLASS_NAMES)


def _read_folder(path: Path, report: Report) -> AnnotatedData:
    folder = read_sequence_folder(path, report)
    ground_truth = path / "gt" / "gt.txt"
    named = named_rows(read_mot_rows(ground_truth, report), read_class_names(ground_truth))
    length = folder.num_frames or _length(named.rows, 0, 0, report)
    missing = (None,) * (length - len(folder.image_paths))
    sequence = AnnotatedSequence(
        name=folder.name,
        frames=_annotated_frames(named, folder.name, folder.image_paths + missing, report),
        image_size=folder.image_size,
        frame_rate=folder.frame_rate,
        is_video=True,
        forgives_ignored=bool(named.class_names),
        annotation_path=ground_truth,
    )
    return AnnotatedData((sequence,), named.class_names or CLASS_NAMES)


def _joined(parts: Sequence[AnnotatedData]) -> AnnotatedData:
    """The sequences of all files of a folder.

    Raises:
        DataError: Their classes differ, so that a number would mean a class here, another there.
    """
    first = parts[0]
    for part in parts:
        if part.class_names != first.class_names:
            raise DataError(
                f"{part.sequences[0].annotation_path}: expected the classes of "
                f"{first.sequences[0].name} ({', '.join(first.class_names)}), got "
                f"{', '.join(part.class_names)}"
            )
    return AnnotatedData(
        tuple(sequence for part in parts for sequence in part.sequences), first.class_names
    )


def _annotated_frames(
    named: NamedRows, name: str, image_paths: Sequence[Path | None], report: Report
) -> tuple[AnnotatedFrame, ...]:
    """One record per frame of the video, also where nothing is annotated."""
    class_names = named.class_names
    rows = checked_rows(named.rows, len(image_paths), class_names, report)
    boxes_xyxy, track_ids = boxes_from_zero(rows), rows.track_ids
    kinds, visibility = row_kinds(rows, name, class_names), visibility_of(rows)
    is_annotated = kinds.is_object | kinds.is_ignored
    frames = [frame_without_objects(index, path) for index, path in enumerate(image_paths)]
    for index, chosen in rows_by_frame(rows):
        objects, ignored = chosen[kinds.is_object[chosen]], chosen[kinds.is_ignored[chosen]]
        frames[index] = AnnotatedFrame(
            frame_index=index,
            image_path=frames[index].image_path,
            boxes_xyxy=boxes_xyxy[objects],
            labels=kinds.labels[objects],
            track_ids=track_ids[objects],
            visibility=visibility[objects],
            ignore_boxes_xyxy=boxes_xyxy[ignored],
            ignore_is_distractor=kinds.is_distractor[ignored],
            other_boxes_xyxy=boxes_xyxy[chosen[~is_annotated[chosen]]],
        )
    return tuple(frames)


def _length(rows: MotRows, num_images: int, stated: int, report: Report) -> int:
    annotated = (rows.values[:, FRAME].astype(np.int64) - 1).tolist()
    return video_length(
        str(rows.path), report, num_images=num_images, stated=stated, annotated=annotated
    )
