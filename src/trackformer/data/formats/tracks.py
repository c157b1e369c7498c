"""How the results of `trackformer track` are read as annotations, and annotations as such results.

`tracks.jsonl` has one frame in a line; the first one also says what the video was: its name, size
and frame rate, and the model's classes. So no images are needed to write the tracks in any format.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

from trackformer.data.annotations import AnnotatedData, AnnotatedFrame, AnnotatedSequence
from trackformer.data.formats.limits.numbers import (
    MAX_FRAME,
    finite,
    frame_rate_of,
    size_of,
    video_length,
    whole,
)
from trackformer.data.formats.parts.assembly import Entry, assemble_frames, score_of
from trackformer.data.formats.parts.malformed import MalformedError, Report, refuse
from trackformer.data.formats.parts.text_files import read_text
from trackformer.data.formats.parts.writing import plain_name
from trackformer.data.masks import RunLengths
from trackformer.errors import DataError

LINES: Final = "tracks.jsonl"
ROWS: Final = "tracks.txt"
"""The same results in MOTChallenge's form, which has no room for size, rate and classes."""
VIDEO: Final = "video"
"""The key of the first line under which it says what the video was."""

Record: TypeAlias = Mapping[str, Any]


def video_record(
    name: str,
    image_size: tuple[int, int] | None,
    frame_rate: float | None,
    class_names: tuple[str, ...],
) -> dict[str, Any]:
    """What the first line says of the video; `image_size` is (height, width)."""
    height, width = image_size or (None, None)
    return {
        "name": name,
        "width": width,
        "height": height,
        "frame_rate": frame_rate,
        "class_names": list(class_names),
    }


def tracks_files(path: Path) -> list[Path]:
    """The files of results that a path means: itself, in the folder, or in folders of it."""
    if path.is_file():
        lines = path.with_name(LINES) if path.name == ROWS else path
        return [lines] if lines.suffix == ".jsonl" and lines.is_file() else []
    own = path / LINES
    return [own] if own.is_file() else sorted(path.glob(f"*/{LINES}"))


def read_tracks(path: Path, report: Report = refuse) -> AnnotatedData:
    """Read `tracks.jsonl`, the folder of one video's results, or a folder of such.

    Raises:
        DataError: There are no results.
    """
    files = tracks_files(path)
    if not files:
        raise DataError(f"{path}: expected {LINES} in it, as `trackformer track` writes it")
    results = [_Results(file, list(_read_lines(file, report))) for file in files]
    declared = [name for result in results for name in result.video.get("class_names", ())]
    found = [name for result in results for name in result.labels()]
    class_names = tuple(dict.fromkeys([*map(str, declared), *found])) or ("person",)
    return AnnotatedData(
        tuple(result.sequence(class_names, report) for result in results), class_names
    )


def write_tracks(data: AnnotatedData, folder: Path) -> None:
    """Write `NAME/tracks.jsonl` for each video."""
    for sequence in data.sequences:
        path = folder / plain_name(sequence) / LINES
        path.parent.mkdir(parents=True)
        lines = (json.dumps(record) + "\n" for record in _records(sequence, data.class_names))
        path.write_text("".join(lines), encoding="utf-8")


@dataclass(frozen=True, slots=True)
class _Results:
    """The lines of one file, each with its number."""

    path: Path
    lines: list[tuple[int, Record]]

    @property
    def video(self) -> Record:
        """What the first line says of the video; empty in files that do not say it."""
        first = self.lines[0][1].get(VIDEO) if self.lines else None
        return first if isinstance(first, dict) else {}

    def labels(self) -> Iterator[str]:
        """The class of every box."""
        for _, line in self.lines:
            yield from (str(entry.get("label")) for entry in line["objects"])

    def sequence(self, class_names: tuple[str, ...], report: Report) -> AnnotatedSequence:
        """The video with its tracks."""
        video = self.video
        size, rate = (video.get("height"), video.get("width")), video.get("frame_rate")
        entries = list(self._entries(class_names, report))
        num_frames = video_length(
            str(self.path),
            report,
            num_images=0,
            stated=0,
            annotated={line["frame_index"] for _, line in self.lines},
        )
        try:
            image_size = None if None in size else size_of(*size)
            frame_rate = frame_rate_of(rate)
        except ValueError as error:
            raise DataError(f"{self.path}:1: {error}") from error
        return AnnotatedSequence(
            name=str(video.get("name", self.path.resolve().parent.name)),
            frames=assemble_frames(entries, (None,) * num_frames, report),
            image_size=image_size,
            frame_rate=frame_rate,
            is_video=True,
            forgives_ignored=True,
            annotation_path=self.path,
        )

    def _entries(self, class_names: tuple[str, ...], report: Report) -> Iterator[Entry]:
        for number, line in self.lines:
            for place, found in enumerate(line["objects"], start=1):
                where = f"{self.path}:{number}: object {place}"
                try:
                    yield _entry(found, int(line["frame_index"]), class_names, where)
                except (KeyError, TypeError, ValueError) as error:
                    what = f"expected track_id, box_xyxy of four numbers and label: {error}"
                    report(MalformedError("malformed", where, what))


def _entry(found: Record, frame_index: int, class_names: tuple[str, ...], where: str) -> Entry:
    left, top, right, bottom = (finite(side, "a corner") for side in found["box_xyxy"])
    mask = found.get("mask")
    return Entry(
        where=where,
        frame_index=frame_index,
        box_xyxy=(left, top, right, bottom),
        label=class_names.index(str(found["label"])),
        track_id=whole(found["track_id"], "a track id"),
        score=score_of(found.get("score")),
        is_filled=bool(found.get("is_filled", False)),
        segmentation=None
        if mask is None
        else RunLengths(str(mask["counts"]), size_of(*mask["size"])),
    )


def _read_lines(path: Path, report: Report) -> Iterable[tuple[int, Record]]:
    for number, text in enumerate(read_text(path, "lines of json").splitlines(), start=1):
        try:
            line = json.loads(text)
        except (ValueError, RecursionError) as error:
            report(MalformedError("malformed", f"{path}:{number}", f"expected json: {error}"))
            continue
        is_frame = isinstance(line, dict) and isinstance(line.get("objects"), list)
        if is_frame and _is_frame_index(line.get("frame_index")):
            yield number, line
        else:
            what = "expected an object with frame_index and objects"
            report(MalformedError("malformed", f"{path}:{number}", what))


def _is_frame_index(value: object) -> bool:
    return isinstance(value, int) and 0 <= value <= MAX_FRAME


def _records(sequence: AnnotatedSequence, class_names: tuple[str, ...]) -> Iterator[Record]:
    for frame in sequence.frames:
        rate = sequence.frame_rate
        record: dict[str, Any] = {
            "frame_index": frame.frame_index,
            "time_s": None if rate is None else round(frame.frame_index / rate, 4),
        }
        if frame.frame_index == 0:
            record[VIDEO] = video_record(sequence.name, sequence.image_size, rate, class_names)
        yield record | {"objects": list(object_records(frame, class_names))}


def object_records(frame: AnnotatedFrame, class_names: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """The objects of a frame as a line has them."""
    for row, box in enumerate(frame.boxes_xyxy.tolist()):
        yield {
            "track_id": int(frame.track_ids[row]),
            "box_xyxy": [round(side, 3) for side in box],
            **({"score": round(float(frame.scores[row]), 4)} if len(frame.scores) else {}),
            "label": class_names[frame.labels[row]],
            **({"is_filled": True} if frame.is_filled[row : row + 1].any() else {}),
        }
