"""What a file of CVAT's says of its videos: one for a task, several for a project."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from trackformer.data.formats.limits.numbers import MAX_FRAME, size_of, whole
from trackformer.data.formats.parts.malformed import MalformedError, Report
from trackformer.data.formats.parts.text_files import read_text
from trackformer.errors import DataError

FILE_NAME = "annotations.xml"


@dataclass(frozen=True, slots=True)
class CvatFile:
    """One file of CVAT's."""

    path: Path
    root: ElementTree.Element

    @property
    def label_names(self) -> list[str]:
        """As declared in the file's head, whether they occur or not."""
        return [str(name.text) for name in self.root.iterfind("./meta//labels/label/name")]

    @property
    def labelled(self) -> list[ElementTree.Element]:
        """Everything that has a label: tracks, and the shapes of images."""
        return [*self.root.iter("track"), *self.root.iterfind("./image/*[@label]")]

    @property
    def name(self) -> str:
        """The folder of `annotations.xml`, or the file's own name."""
        path = self.path.resolve()
        return path.parent.name if path.name == FILE_NAME else path.stem


@dataclass(frozen=True, slots=True)
class CvatVideo:
    """One video of a file."""

    name: str
    tracks: Sequence[ElementTree.Element]
    stated_length: int
    """0 where the file does not say."""
    stated_size: tuple[int, int] | None
    """(height, width)."""
    first_frame: int
    """The number of the first frame in the file."""
    step: int
    """Every how many frames of the source one was annotated."""
    is_of_project: bool

    def index(self, frame: int) -> int:
        """The place of a frame's number among the frames of the video."""
        return (frame - self.first_frame) // self.step


def cvat_files(path: Path) -> list[Path]:
    """The XML files that a path means."""
    if path.is_file():
        return [path] if path.suffix == ".xml" else []
    own = path / FILE_NAME
    return [own] if own.is_file() else sorted(path.glob(f"*/{FILE_NAME}"))


def read_file(path: Path) -> CvatFile:
    """Parse one file.

    Raises:
        DataError: It is no XML of CVAT's.
    """
    try:
        root = ElementTree.fromstring(read_text(path, "an XML file"))
    except (ElementTree.ParseError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: expected an XML file: {error}") from error
    if root.tag != "annotations":
        raise DataError(f"{path}: expected CVAT's element annotations, got {root.tag}")
    return CvatFile(path, root)


def videos(file: CvatFile, report: Report) -> list[CvatVideo]:
    """The videos of a file: that of its task, or one for each task of its project.

    A project's tracks name their tasks, and their frames are counted on from task to task.

    Raises:
        DataError: What the file says of a task is malformed, or tracks name no task of several.
    """
    tracks = list(file.root.iter("track"))
    tasks = file.root.findall("./meta/project/tasks/task")
    try:
        if len(tasks) < 2:
            head = tasks[0] if tasks else file.root.find("./meta/*")
            return [_video(file.name, head, tracks)]
        return _videos_of_project(file, tasks, tracks, report)
    except ValueError as error:
        raise DataError(f"{file.path}: {error}") from error


def _videos_of_project(
    file: CvatFile,
    tasks: Sequence[ElementTree.Element],
    tracks: Sequence[ElementTree.Element],
    report: Report,
) -> list[CvatVideo]:
    found = []
    first_frame = 0
    ids = [_text(task, "id") for task in tasks]
    for track in tracks:
        if track.get("task_id") not in ids:
            what = f"expected a task_id of {', '.join(ids)}: export a project's tasks one by one"
            where = f"{file.path}: track {track.get('id')}"
            report(MalformedError("malformed", where, what))
    for task, own_id in zip(tasks, ids, strict=True):
        own = [track for track in tracks if track.get("task_id") == own_id]
        length = _number(task, "size", MAX_FRAME)
        video = _video(_text(task, "name") or f"{file.name}-{own_id}", task, own)
        frames = {shape.get("frame", "") for track in own for shape in track}
        if _are_within(frames, first_frame, length):
            # Counted on: the numbers of a task's frames begin where those of the last one ended.
            video = CvatVideo(
                video.name, own, length, video.stated_size, first_frame, 1, is_of_project=True
            )
        found.append(video)
        first_frame += length
    return found


def _video(
    name: str, head: ElementTree.Element | None, tracks: Sequence[ElementTree.Element]
) -> CvatVideo:
    step = re.search(r"step\s*=\s*([0-9]+)", _text(head, "frame_filter"))
    video = CvatVideo(
        name=name,
        tracks=tracks,
        stated_length=_number(head, "size", MAX_FRAME),
        stated_size=_size(head),
        first_frame=_number(head, "start_frame", MAX_FRAME),
        step=whole(step[1], "a step of frames", 1, MAX_FRAME) if step else 1,
        is_of_project=False,
    )
    stop = _text(head, "stop_frame")
    if not stop:
        return video
    length = video.index(whole(stop, "stop_frame", 0, MAX_FRAME)) + 1
    return CvatVideo(
        name, tracks, length, video.stated_size, video.first_frame, video.step, is_of_project=False
    )


def _are_within(frames: Collection[str], first: int, length: int) -> bool:
    return all(first <= whole(frame, "a frame", 0, MAX_FRAME) < first + length for frame in frames)


def _size(head: ElementTree.Element | None) -> tuple[int, int] | None:
    height, width = _text(head, "original_size/height"), _text(head, "original_size/width")
    return size_of(height, width) if height and width else None


def _number(head: ElementTree.Element | None, name: str, most: int) -> int:
    """0 where nothing is said."""
    text = _text(head, name)
    return whole(text, name, 0, most) if text else 0


def _text(head: ElementTree.Element | None, name: str) -> str:
    return (head.findtext(name) or "").strip() if head is not None else ""
