"""How the lines of a MOTS text file become masks, or one clear error.

A line is `frame id class height width rle`: objects as COCO's compressed run lengths. MOTS20 counts
frames from 1; KITTI-MOTS, whose files are called by a number (`0002.txt`), from 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Float

from trackformer.data.formats.limits.numbers import MAX_FRAME, MAX_ID, MAX_PIXELS, shown, whole
from trackformer.data.formats.parts.malformed import MalformedError, Report, refuse
from trackformer.data.formats.parts.text_files import read_text
from trackformer.data.masks import RunLengths

CAR, PEDESTRIAN, IGNORED = 1, 2, 10
"""Classes; regions of the last are neither objects nor background."""
NUM_COLUMNS: Final = 6


@dataclass(frozen=True, slots=True)
class MotsRow:
    """One mask of a file."""

    where: str
    """File and line, for messages."""
    frame_index: int
    """0-based."""
    track_id: int
    class_id: int
    outline: RunLengths


def is_mots_file(path: Path) -> bool:
    """Whether a text file has six columns, the last of which is not a number."""
    if path.suffix != ".txt" or not path.is_file():
        return False
    with path.open(encoding="utf-8", errors="replace") as file:
        fields = [line.split() for line in file if line.strip()]
    # An outline may look like a number, but hardly all of a file do.
    return (
        bool(fields)
        and all(len(row) == NUM_COLUMNS for row in fields)
        and any(not _is_number(row[-1]) for row in fields)
    )


def first_frame(path: Path) -> int:
    """The number of a file's first frame: 1, or 0 for a file of KITTI-MOTS.

    >>> first_frame(Path("0002.txt")), first_frame(Path("MOTS20-02/gt/gt.txt"))
    (0, 1)
    """
    return 0 if path.stem.isdecimal() else 1


def read_mots_rows(path: Path, report: Report = refuse) -> tuple[MotsRow, ...]:
    """Read and check a ground-truth or result file.

    Reported and left out: lines that are not six columns with whole numbers and run lengths of the
    given size, and masks without any pixel.
    """
    first = first_frame(path)
    text = read_text(path, "a text file of fields separated by spaces")
    rows = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        row = _parse(line.split(), f"{path}:{number}", first)
        if isinstance(row, MalformedError):
            report(row)
        else:
            rows.append(row)
    return tuple(rows)


def boxes_of(outlines: Sequence[RunLengths]) -> Float[np.ndarray, "N 4"]:
    """The smallest boxes around masks: left, top, right, bottom in 0-based pixels."""
    from pycocotools import mask as coco_mask  # type: ignore[import-untyped]

    if not outlines:
        return np.zeros((0, 4))
    boxes = np.asarray(coco_mask.toBbox([as_coco(outline) for outline in outlines]))
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)


def as_coco(outline: RunLengths) -> dict[str, object]:
    """Compressed run lengths as pycocotools wants them."""
    assert isinstance(outline.counts, str)
    return {"size": list(outline.image_size), "counts": outline.counts.encode()}


def _parse(fields: list[str], where: str, first: int) -> MotsRow | MalformedError:
    if len(fields) != NUM_COLUMNS:
        what = f"expected 6 columns (frame id class height width rle), got {len(fields)}"
        return MalformedError("malformed", where, what)
    try:
        frame, track_id, class_id, height, width = map(_whole_number, fields[:-1])
    except ValueError:
        got = shown(" ".join(fields[:-1]))
        return MalformedError("malformed", where, f"expected five whole numbers, got {got}")
    for is_good, expected in (
        (frame >= first, f"a frame from {first} on"),
        (track_id >= 0, "an id from 0 on"),
        (height > 0 and width > 0, "a positive height and width"),
        (height * width <= MAX_PIXELS, f"at most {MAX_PIXELS} pixels"),
        (frame <= MAX_FRAME, f"a frame up to {MAX_FRAME}"),
        (class_id in (CAR, PEDESTRIAN, IGNORED), "class 1 (car), 2 (pedestrian) or 10 (ignored)"),
    ):
        if not is_good:
            what = f"expected {expected}, got {' '.join(fields[:-1])}"
            return MalformedError("malformed", where, what)
    outline = RunLengths(fields[-1], (height, width))
    runs = outline.runs()
    if sum(runs) != height * width or min(runs) < 0:
        what = f"expected run lengths of {height * width} pixels, got {sum(runs)}"
        return MalformedError("malformed", where, what)
    if not any(runs[1::2]):
        return MalformedError("no-area", where, "expected a mask with at least one pixel")
    return MotsRow(where, frame - first, track_id, class_id, outline)


def _whole_number(text: str) -> int:
    return whole(text, "a whole number", -MAX_ID, MAX_ID)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def rows_by_frame(rows: Sequence[MotsRow]) -> Iterator[tuple[int, list[MotsRow]]]:
    """0-based frame and its rows in the order of the file, for every frame that has some."""
    frames: dict[int, list[MotsRow]] = {}
    for row in rows:
        frames.setdefault(row.frame_index, []).append(row)
    yield from sorted(frames.items())
