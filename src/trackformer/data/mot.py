"""How MOTChallenge folders and files are read and written.

The format counts frames and pixels from 1; that ends here: everything returned counts from 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType

import numpy as np
from jaxtyping import Bool, Float, Int

from trackformer.data.annotations import (
    AnnotatedData,
    AnnotatedFrame,
    AnnotatedSequence,
    frame_without_objects,
)
from trackformer.data.mot_folder import is_sequence_folder, read_sequence_folder
from trackformer.data.mot_rows import (
    CLASS,
    CONSIDER,
    FRAME,
    HEIGHT,
    LEFT,
    MAX_COLUMNS,
    TRACK_ID,
    VISIBILITY,
    WIDTH,
    MotRows,
    read_mot_rows,
)
from trackformer.data.results import ResultFrame
from trackformer.errors import DataError

CLASS_NAMES = ("person",)
PEDESTRIAN, CROWD = 1, 13
DISTRACTORS = (2, 7, 8, 12)
"""Person on a vehicle, static person, distractor, reflection."""
MOT20_DISTRACTORS = (*DISTRACTORS, 6)
"""MOT20 adds vehicles without a motor."""


def read_mot(path: Path) -> AnnotatedData:
    """Read a sequence folder, a split folder of them, or a single ground-truth file.

    A sub-folder is a sequence where it holds `gt` or `img1`.
    """
    if path.is_file():
        return AnnotatedData((read_mot_ground_truth(path),), CLASS_NAMES)
    if not path.is_dir():
        raise DataError(f"{path}: no such file or folder")
    folders = [path]
    if not is_sequence_folder(path):
        folders = sorted(folder for folder in path.iterdir() if is_sequence_folder(folder))
    if not folders:
        raise DataError(
            f"{path}: expected a sequence (a folder with gt or img1) or a folder of sequences"
        )
    return AnnotatedData(tuple(read_mot_sequence(folder) for folder in folders), CLASS_NAMES)


def read_mot_sequence(path: Path) -> AnnotatedSequence:
    """Read one sequence folder: `gt/gt.txt`, with `img1` or `seqinfo.ini` or both where present.

    Raises:
        DataError: The annotations are missing, malformed or beyond the last frame, or the folder
            contradicts itself.
    """
    folder = read_sequence_folder(path)
    rows = read_mot_rows(path / "gt" / "gt.txt")
    num_frames = folder.num_frames or _last_frame(rows)
    return AnnotatedSequence(
        name=folder.name,
        frames=_annotated_frames(rows, folder.name, num_frames, folder.image_paths),
        image_size=folder.image_size,
        frame_rate=folder.frame_rate,
        is_video=True,
    )


def read_mot_ground_truth(path: Path, num_frames: int = 0) -> AnnotatedSequence:
    """Read a ground-truth file without its images.

    Args:
        path: The file. `NAME/gt/gt.txt` is called NAME, any other file by its own name.
        num_frames: Least number of frames of the video: the file tells only the last annotated.
    """
    rows = read_mot_rows(path)
    in_sequence_folder = path.name == "gt.txt" and path.resolve().parent.name == "gt"
    name = path.resolve().parents[1].name if in_sequence_folder else path.stem
    frames = _annotated_frames(rows, name, max(num_frames, _last_frame(rows)), ())
    return AnnotatedSequence(name, frames, image_size=None, frame_rate=None, is_video=True)


def read_mot_results(path: Path) -> tuple[ResultFrame, ...]:
    """Read a result or detection file: the frames that have a line, in order.

    Ids may be -1 (detections). A missing score counts as 1.
    """
    rows = read_mot_rows(path)
    boxes_xyxy, scores = _boxes_from_zero(rows), rows.column(CONSIDER, absent=1.0)
    track_ids = rows.values[:, TRACK_ID].astype(np.int64)
    return tuple(
        ResultFrame(frame_index, track_ids[chosen], boxes_xyxy[chosen], scores[chosen])
        for frame_index, chosen in _rows_by_frame(rows)
    )


def write_mot_results(path: Path, frames: Iterable[ResultFrame]) -> None:
    """Write a whole result file; the inverse of `read_mot_results`."""
    with MotResultsWriter(path) as writer:
        for frame in frames:
            writer.append(frame)


class MotResultsWriter:
    """A result file that grows frame by frame; what is written survives a killed process.

    Lines are `frame,id,left,top,width,height,score,-1,-1,-1`, counted from 1.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        # Unbuffered: one system call a frame, so a killed process leaves whole frames only.
        self._file = path.open("wb", buffering=0)
        self._last_frame_index = -1

    def append(self, frame: ResultFrame) -> None:
        """Write the lines of a frame later than all before; without objects, none."""
        if frame.frame_index <= self._last_frame_index:
            raise ValueError(
                f"expected a frame after {self._last_frame_index}, got {frame.frame_index}"
            )
        if not (np.isfinite(frame.boxes_xyxy).all() and np.isfinite(frame.scores).all()):
            raise DataError(f"{self._path}: expected finite boxes in frame {frame.frame_index}")
        self._last_frame_index = frame.frame_index
        lines = [
            f"{frame.frame_index + 1},{track_id},{left + 1:.3f},{top + 1:.3f},"
            f"{right - left:.3f},{bottom - top:.3f},{score:.4f},-1,-1,-1\n"
            for track_id, (left, top, right, bottom), score in zip(
                frame.track_ids, frame.boxes_xyxy, frame.scores, strict=True
            )
        ]
        self._file.write("".join(lines).encode())

    def close(self) -> None:
        """Close the file; nothing can be appended afterwards."""
        self._file.close()

    def __enter__(self) -> MotResultsWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _annotated_frames(
    rows: MotRows, name: str, num_frames: int, image_paths: tuple[Path, ...]
) -> tuple[AnnotatedFrame, ...]:
    """One record per frame of the video, also where nothing is annotated."""
    _check_ground_truth(rows, num_frames)
    boxes_xyxy, track_ids = _boxes_from_zero(rows), rows.values[:, TRACK_ID].astype(np.int64)
    classes, visibility = _classes(rows), _visibility(rows)
    is_object = _is_considered(rows) & (classes == PEDESTRIAN)
    is_distractor = np.isin(classes, MOT20_DISTRACTORS if name.startswith("MOT20") else DISTRACTORS)
    is_ignored = is_distractor | (np.isin(classes, (PEDESTRIAN, CROWD)) & ~is_object)
    frames = [
        frame_without_objects(index, image_paths[index] if image_paths else None)
        for index in range(num_frames)
    ]
    for index, chosen in _rows_by_frame(rows):
        objects, ignored = chosen[is_object[chosen]], chosen[is_ignored[chosen]]
        frames[index] = AnnotatedFrame(
            frame_index=index,
            image_path=frames[index].image_path,
            boxes_xyxy=boxes_xyxy[objects],
            labels=np.zeros(len(objects), dtype=np.int64),
            track_ids=track_ids[objects],
            visibility=visibility[objects],
            ignore_boxes_xyxy=boxes_xyxy[ignored],
            ignore_is_distractor=is_distractor[ignored],
            other_boxes_xyxy=boxes_xyxy[chosen[~(is_object | is_ignored)[chosen]]],
        )
    return tuple(frames)


def _check_ground_truth(rows: MotRows, num_frames: int) -> None:
    values = rows.values
    checks = (
        (values[:, FRAME] <= num_frames, f"at most {num_frames} frames", FRAME),
        ((values[:, TRACK_ID] >= 0) | ~_is_considered(rows), "an id from 0 on", TRACK_ID),
        (values[:, WIDTH] > 0, "a positive width", WIDTH),
        (values[:, HEIGHT] > 0, "a positive height", HEIGHT),
        (np.isin(_classes(rows), range(PEDESTRIAN, CROWD + 1)), "a class from 1 to 13", CLASS),
        (np.abs(_visibility(rows) - 0.5) <= 0.5, "a visibility in [0, 1]", VISIBILITY),
    )
    for is_good, expected, column in checks:
        if not is_good.all():
            row = int(np.argmin(is_good))
            kind = "frame " if column == FRAME else ""
            raise rows.error(row, f"expected {expected}, got {kind}{values[row, column]:g}")


def _is_considered(rows: MotRows) -> Bool[np.ndarray, " rows"]:
    # Truncated before the comparison, as TrackEval does.
    return np.asarray(np.trunc(rows.column(CONSIDER, absent=1.0)) != 0)


def _classes(rows: MotRows) -> Float[np.ndarray, " rows"]:
    """Class of each row; a pedestrian where the file does not say (-1, or no such column)."""
    # The last three of MOT15's ten columns are world coordinates.
    if rows.values.shape[1] == MAX_COLUMNS:
        return np.full(len(rows.values), float(PEDESTRIAN))
    classes = rows.column(CLASS, absent=float(PEDESTRIAN))
    return np.where(classes == -1, PEDESTRIAN, classes)


def _visibility(rows: MotRows) -> Float[np.ndarray, " rows"]:
    """Visible share of each row; 1 where the file does not say (-1, or no such column)."""
    if rows.values.shape[1] == MAX_COLUMNS:
        return np.ones(len(rows.values))
    visibility = rows.column(VISIBILITY, absent=1.0)
    return np.where(visibility == -1, 1.0, visibility)


def _boxes_from_zero(rows: MotRows) -> Float[np.ndarray, "rows 4"]:
    low = rows.values[:, LEFT:WIDTH] - 1
    return np.concatenate([low, low + rows.values[:, WIDTH : HEIGHT + 1]], axis=1)


def _rows_by_frame(rows: MotRows) -> Iterator[tuple[int, Int[np.ndarray, " chosen"]]]:
    """0-based frame and its rows in the order of the file, for every frame that has some."""
    frames = rows.values[:, FRAME].astype(np.int64)
    order = np.argsort(frames, kind="stable")
    starts = np.flatnonzero(np.diff(frames[order])) + 1
    for chosen in np.split(order, starts):
        if len(chosen):
            yield int(frames[chosen[0]]) - 1, chosen


def _last_frame(rows: MotRows) -> int:
    return int(rows.values[:, FRAME].max(initial=0))
