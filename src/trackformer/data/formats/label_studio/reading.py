"""How Label Studio's json is read: the tracks of a project's export, or of tasks we wrote.

Of a task's annotations the first counts that was not cancelled; without any, its first prediction.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, TypeAlias

from trackformer.data.annotations import AnnotatedData, AnnotatedSequence
from trackformer.data.formats.label_studio.layout import KIND, PER_CENT, VIDEO, declared_labels
from trackformer.data.formats.limits.numbers import (
    MAX_FRAME,
    finite,
    frame_rate_of,
    size_of,
    video_length,
    whole,
)
from trackformer.data.formats.parts.assembly import Corners, Entry, assemble_frames, score_of
from trackformer.data.formats.parts.key_frames import boxes_between
from trackformer.data.formats.parts.malformed import MalformedError, Report, refuse
from trackformer.data.formats.parts.rotation import upright_hull
from trackformer.data.formats.parts.text_files import read_json
from trackformer.errors import DataError

Record: TypeAlias = Mapping[str, Any]
TASK_PATTERNS: Final = (r'"data"\s*:\s*\{', r'"(annotations|predictions)"\s*:\s*\[')
FIRST_OF_TEXTS: Final = 1_000_000_000
"""Track id of the first region that Label Studio named itself."""


def label_studio_file(path: Path) -> Path | None:
    """The json file of tasks with tracks that a path means; None where there is none."""
    files = [path] if path.is_file() else sorted(path.glob("*.json"))
    is_one = len(files) == 1 and files[0].suffix == ".json"
    return files[0] if is_one and _holds_tasks(files[0]) else None


def read_label_studio(path: Path, report: Report = refuse) -> AnnotatedData:
    """Read a json file of tasks, or a folder with only that one.

    Classes are those of the labeling interface where we wrote it beside them, and those that occur.

    Raises:
        DataError: It is malformed.
    """
    file = label_studio_file(path) or path
    tasks = read_json(file)
    if not isinstance(tasks, list):
        raise DataError(f"{file}: expected a list of tasks, got {type(tasks).__name__}")
    try:
        found = {label for task in tasks for region in _regions(task) for label in _labels(region)}
        class_names = _class_names(file, found)
        sequences = [_sequence(_Task(file, task, class_names, report)) for task in tasks]
    except KeyError as error:
        raise DataError(
            f"{file}: expected tasks of Label Studio about videos, got one without {error}"
        ) from error
    except (TypeError, AttributeError, ValueError, IndexError) as error:
        raise DataError(f"{file}: expected tasks of Label Studio: {error!r}") from error
    return AnnotatedData(tuple(sequences), class_names)


@dataclass(frozen=True, slots=True)
class _Task:
    """One video and its tracks."""

    path: Path
    record: Record
    class_names: tuple[str, ...]
    report: Report

    @property
    def name(self) -> str:
        """As we wrote it, or as the video is called."""
        data = self.record["data"]
        return str(data.get("name") or Path(str(data[VIDEO])).stem)

    @property
    def image_size(self) -> tuple[int, int]:
        """(height, width): Label Studio's own exports know shares of the image only.

        Raises:
            DataError: Nobody says it.
        """
        data = self.record["data"]
        if "width" not in data or "height" not in data:
            raise DataError(
                f"{self.path}: task {self.name}: expected width and height of the video, in "
                "pixels, among the task's data"
            )
        return size_of(data["height"], data["width"])


def _class_names(file: Path, found: set[str]) -> tuple[str, ...]:
    declared = declared_labels(file)
    return (*declared, *sorted(found - set(declared))) or ("person",)


def _holds_tasks(file: Path) -> bool:
    """Whether a json file is a list of objects with data, and annotations or predictions."""
    text = file.read_text("utf-8", errors="replace")
    is_list = text.lstrip("\ufeff \n\r\t").startswith("[")
    return is_list and all(re.search(pattern, text) for pattern in TASK_PATTERNS)


def _sequence(task: _Task) -> AnnotatedSequence:
    data = task.record["data"]
    ids: dict[str, int] = {}
    counts = [_frames_count(region) for region in _regions(task.record)]
    stated = whole(data.get("num_frames") or max(counts, default=0), "num_frames", 0, MAX_FRAME)
    annotated = {
        key["frame"] for region in _regions(task.record) for key in region["value"]["sequence"]
    }
    length = video_length(
        str(task.path), task.report, num_images=0, stated=stated, annotated=annotated
    )
    num_frames = min(length, stated)
    # Not before the length is known to be one: boxes are filled in up to there.
    entries = [entry for region in _regions(task.record) for entry in _entries(task, region, ids)]
    return AnnotatedSequence(
        name=task.name,
        frames=assemble_frames(entries, (None,) * num_frames, task.report),
        image_size=task.image_size,
        frame_rate=frame_rate_of(data.get("frame_rate")),
        is_video=True,
        forgives_ignored=True,
        annotation_path=task.path,
    )


def _regions(task: Record) -> list[Record]:
    """The tracks of the answer that counts."""
    kept = [each for each in task.get("annotations") or () if not each.get("was_cancelled")]
    answers: Sequence[Record] = kept or task.get("predictions") or ()
    results = answers[0]["result"] if answers else ()
    return [region for region in results if region.get("type") == KIND]


def _labels(region: Record) -> list[str]:
    return [str(label) for label in region["value"].get("labels") or ()]


def _entries(task: _Task, region: Record, ids: dict[str, int]) -> Iterator[Entry]:
    """The boxes of a track; those between key frames are filled in."""
    where = f"{task.path}: task {task.name}, region {region.get('id')}"
    labels = _labels(region)
    if len(labels) != 1:
        what = f"expected one label, got {', '.join(labels) or 'none'}"
        task.report(MalformedError("unknown-class", where, what))
        return
    height, width = task.image_size
    keys = sorted(region["value"]["sequence"], key=_frame)
    template = Entry(
        where=where,
        frame_index=0,
        box_xyxy=(0, 0, 0, 0),
        label=task.class_names.index(labels[0]),
        track_id=_track_id(str(region.get("id")), ids),
        score=score_of(region.get("score")),
    )
    entries = [
        replace(
            template,
            where=f"{where}, frame {key['frame']}",
            frame_index=_frame(key) - 1,
            box_xyxy=_corners(key, height, width),
        )
        for key in keys
    ]
    for (key, before), (_, after) in pairwise(zip(keys, entries, strict=True)):
        yield before
        if key.get("enabled", True):
            yield from boxes_between(before, after)
    yield from entries[-1:]
    if keys and keys[-1].get("enabled", True):
        # Still there to the end of the video.
        last = _frames_count(region)
        for frame_index in range(entries[-1].frame_index + 1, last):
            yield replace(entries[-1], frame_index=frame_index)


def _corners(key: Record, height: int, width: int) -> Corners:
    x, y, w, h = (finite(key[name], name) / PER_CENT for name in ("x", "y", "width", "height"))
    box = (x * width, y * height, (x + w) * width, (y + h) * height)
    turned = finite(key.get("rotation") or 0, "a rotation")
    # About the upper left corner, not the centre: there the box is turned back around.
    angle = math.radians(turned)
    dx, dy = (box[2] - box[0]) / 2, (box[3] - box[1]) / 2
    shift_x = dx * math.cos(angle) - dy * math.sin(angle) - dx
    shift_y = dx * math.sin(angle) + dy * math.cos(angle) - dy
    left, top, right, bottom = upright_hull(box, turned)
    return left + shift_x, top + shift_y, right + shift_x, bottom + shift_y


def _frame(key: Record) -> int:
    return whole(key["frame"], "a frame", 0, MAX_FRAME)


def _frames_count(region: Record) -> int:
    return whole(region["value"].get("framesCount", 0), "framesCount", 0, MAX_FRAME)


def _track_id(text: str, ids: dict[str, int]) -> int:
    """Ours stay as they are; those of Label Studio are numbered as they appear, far from ours."""
    ours = re.fullmatch(r"(\d+)-\d+", text)
    return int(ours[1]) if ours else ids.setdefault(text, FIRST_OF_TEXTS + len(ids))
