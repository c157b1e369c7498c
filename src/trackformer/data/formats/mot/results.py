"""Result files of MOTChallenge: what a tracker or detector answered, one line a box.

They count frames and pixels from 1; that ends here.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from trackformer.atomic_files import whole_file
from trackformer.data.formats.mot.rows import (
    CLASS,
    CONSIDER,
    boxes_from_zero,
    read_mot_rows,
    rows_by_frame,
)
from trackformer.data.formats.parts.malformed import Report, refuse
from trackformer.data.results import ResultFrame
from trackformer.errors import DataError


def read_mot_results(path: Path, report: Report = refuse) -> tuple[ResultFrame, ...]:
    """Read a result or detection file: the frames that have a line, in order.

    Ids may be -1 (detections). A missing score counts as 1. The eighth column names the class,
    counted from 1, where all lines have one.
    """
    rows = read_mot_rows(path, report)
    boxes_xyxy, scores = boxes_from_zero(rows), rows.column(CONSIDER, absent=1.0)
    track_ids, classes = rows.track_ids, rows.column(CLASS, absent=-1.0)
    is_named = bool(((classes >= 1) & (classes == np.floor(classes))).all())
    labels = classes.astype(np.int64) - 1 if is_named else None
    return tuple(
        ResultFrame(
            frame_index,
            track_ids[chosen],
            boxes_xyxy[chosen],
            scores[chosen],
            None if labels is None else labels[chosen],
        )
        for frame_index, chosen in rows_by_frame(rows)
    )


def write_mot_results(path: Path, frames: Iterable[ResultFrame]) -> None:
    """Write a whole result file, its frames in order; the inverse of `read_mot_results`.

    Raises:
        DataError: A box or score is not finite, or the file cannot be written.
    """
    last = -1
    with whole_file(path) as partial, partial.open("wb") as file:
        for frame in frames:
            if frame.frame_index <= last:
                raise ValueError(f"expected a frame after {last}, got {frame.frame_index}")
            last = frame.frame_index
            file.write(mot_lines(frame, path))


def mot_lines(frame: ResultFrame, path: Path) -> bytes:
    """The lines of a frame in a result file; without objects, none.

    They are `frame,id,left,top,width,height,score,class,-1,-1`, all counted from 1; the class is
    -1 where the results name none.

    Args:
        frame: What was found.
        path: Of the file, for messages.

    Raises:
        DataError: A box or score is not finite.
    """
    if not (np.isfinite(frame.boxes_xyxy).all() and np.isfinite(frame.scores).all()):
        raise DataError(f"{path}: expected finite boxes in frame {frame.frame_index}")
    named = frame.labels is not None and (frame.labels >= 0).all()
    classes = frame.labels + 1 if frame.labels is not None and named else [-1] * len(frame.scores)
    lines = [
        f"{frame.frame_index + 1},{track_id},{left + 1:.3f},{top + 1:.3f},"
        f"{right - left:.3f},{bottom - top:.3f},{score:.4f},{class_number},-1,-1\n"
        for track_id, (left, top, right, bottom), score, class_number in zip(
            frame.track_ids, frame.boxes_xyxy, frame.scores, classes, strict=True
        )
    ]
    return "".join(lines).encode()
