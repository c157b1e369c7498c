"""How CVAT's XML is read: "CVAT for video 1.1" with its tracks, "CVAT for images 1.1" without.

A label called `ignore` marks regions to ignore, since CVAT has no such thing itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

from trackformer.data.annotations import AnnotatedData, AnnotatedSequence
from trackformer.data.formats.assembly import NO_ID, Corners, Entry, Kind, assemble_frames
from trackformer.data.formats.class_lists import ordered_classes
from trackformer.data.formats.image_folders import folder_with, list_frames, size_of_first
from trackformer.data.formats.key_frames import boxes_between
from trackformer.data.formats.malformed import MalformedError, Report, refuse
from trackformer.data.formats.text_files import read_text
from trackformer.data.masks import Polygons
from trackformer.errors import DataError

FILE_NAME, IMAGES = "annotations.xml", "images"
IGNORE_LABEL = "ignore"
IGNORE_LABELS = (IGNORE_LABEL, "ignored", "ignore region", "ignore_region", "dontcare")
SHAPES = ("box", "polygon")


def read_cvat(path: Path, report: Report = refuse) -> AnnotatedData:
    """Read an XML file, a folder with `annotations.xml`, or a folder of such folders.

    Raises:
        DataError: There is no such file, or it is no XML of CVAT's.
    """
    files = cvat_files(path)
    if not files:
        raise DataError(f"{path}: expected {FILE_NAME} of CVAT in it")
    tasks = [_read_task(file) for file in files]
    declared = [name for task in tasks for name in task.label_names]
    found = {str(shape.get("label")) for task in tasks for shape in task.labelled}
    names = dict.fromkeys(declared) or dict.fromkeys(ordered_classes(found, ()))
    class_names = tuple(name for name in names if not _is_ignored(name))
    readers = [_Reader(task, class_names, report) for task in tasks]
    return AnnotatedData(
        tuple(sequence for reader in readers for sequence in reader.sequences()), class_names
    )


def cvat_files(path: Path) -> list[Path]:
    """The XML files that a path means."""
    if path.is_file():
        return [path] if path.suffix == ".xml" else []
    own = path / FILE_NAME
    return [own] if own.is_file() else sorted(path.glob(f"*/{FILE_NAME}"))


@dataclass(frozen=True, slots=True)
class _Task:
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

    def text(self, name: str) -> str:
        """What an element of the head says; empty where there is none."""
        return (self.root.findtext(f"./meta/*/{name}") or "").strip()

    @property
    def name(self) -> str:
        """The folder of `annotations.xml`, or the file's own name."""
        path = self.path.resolve()
        return path.parent.name if path.name == FILE_NAME else path.stem


@dataclass(frozen=True, slots=True)
class _Reader:
    """The sequences of one task."""

    task: _Task
    class_names: tuple[str, ...]
    report: Report

    def sequences(self) -> Iterator[AnnotatedSequence]:
        """One video, or the still images of a task without tracks."""
        images = self.task.root.findall("image")
        if images and self.task.root.find("track") is None:
            yield from (self._still(image) for image in images)
        else:
            yield self._video()

    def _video(self) -> AnnotatedSequence:
        entries = [entry for track in self.task.root.iter("track") for entry in self._track(track)]
        paths = list_frames(self.task.path.parent / IMAGES, self.report)
        stop = self.task.text("stop_frame")
        stated = self._index(int(stop)) + 1 if stop.isdecimal() else 0
        size = self.task.text("size")
        stated = stated or (int(size) if size.isdecimal() else 0)
        last = max((entry.frame_index + 1 for entry in entries), default=0)
        if paths and stated and len(paths) != stated:
            what = f"expected {stated} images in {IMAGES} as the task says, got {len(paths)}"
            self.report(MalformedError("missing-image", str(self.task.path), what))
        num_frames = max(len(paths), stated) or last
        return AnnotatedSequence(
            name=self.task.name,
            frames=assemble_frames(
                entries, paths + (None,) * (num_frames - len(paths)), self.report
            ),
            image_size=self._declared_size() or size_of_first(paths),
            frame_rate=None,
            is_video=True,
            forgives_ignored=True,
            annotation_path=self.task.path,
        )

    def _still(self, image: ElementTree.Element) -> AnnotatedSequence:
        name = str(image.get("name"))
        beside = self.task.path.parent
        path = folder_with(name, (beside / IMAGES, beside)) / name
        if not path.is_file():
            what = f"expected the image {path}, got none"
            self.report(MalformedError("missing-image", str(self.task.path), what))
        where = f"{self.task.path}: image {name}"
        entries = [
            entry
            for place, shape in enumerate(image, start=1)
            for entry in self._entry(shape, str(shape.get("label")), place, 0, where)
        ]
        return AnnotatedSequence(
            name=name,
            frames=assemble_frames(entries, (path,), self.report),
            image_size=(int(image.get("height", 0)), int(image.get("width", 0))),
            frame_rate=None,
            is_video=False,
            forgives_ignored=True,
            annotation_path=self.task.path,
        )

    def _declared_size(self) -> tuple[int, int] | None:
        height, width = (
            self.task.text("original_size/height"),
            self.task.text("original_size/width"),
        )
        return (int(height), int(width)) if height.isdecimal() and width.isdecimal() else None

    def _index(self, frame: int) -> int:
        """The place of a frame of the source video among those that were annotated."""
        start = self.task.text("start_frame")
        step = re.search(r"step\s*=\s*(\d+)", self.task.text("frame_filter"))
        return (frame - int(start or 0)) // (int(step[1]) if step else 1)

    def _track(self, track: ElementTree.Element) -> Iterator[Entry]:
        """The boxes of a track; those between keyframes are filled in where they were left out."""
        where, label = f"{self.task.path}: track {track.get('id')}", str(track.get("label"))
        seen: list[tuple[Entry, bool]] = []
        for shape in track:
            frame = shape.get("frame")
            if frame is None or not frame.isdecimal() or not str(track.get("id")).isdecimal():
                what = f"expected numbers for track and frame, got {track.get('id')} and {frame}"
                self.report(MalformedError("malformed", where, what))
                continue
            place = f"{where}, frame {frame}"
            for entry in self._entry(
                shape, label, int(str(track.get("id"))), self._index(int(frame)), place
            ):
                seen.append((entry, shape.get("outside") == "1"))
        for (before, is_outside), (after, _) in pairwise(seen):
            if not is_outside:
                yield before
                yield from boxes_between(before, after)
        if seen and not seen[-1][1]:
            yield seen[-1][0]

    def _entry(
        self, shape: ElementTree.Element, label: str, track_id: int, frame_index: int, where: str
    ) -> Iterator[Entry]:
        """The box of a shape, or nothing and a report."""
        if shape.tag not in SHAPES:
            what = f"expected a shape of {', '.join(SHAPES)}, got {shape.tag}"
            self.report(MalformedError("malformed", where, what))
            return
        is_ignored = _is_ignored(label)
        if not is_ignored and label not in self.class_names:
            what = f"expected a label of {', '.join(self.class_names)}, got {label}"
            self.report(MalformedError("unknown-class", where, what))
            return
        try:
            box, outline = _shape(shape)
        except ValueError:
            what = f"expected numbers, got {dict(shape.attrib)}"
            self.report(MalformedError("malformed", where, what))
            return
        yield Entry(
            where=where,
            frame_index=frame_index,
            box_xyxy=box,
            kind=Kind.IGNORED if is_ignored else Kind.OBJECT,
            label=0 if is_ignored else self.class_names.index(label),
            track_id=NO_ID if is_ignored else track_id,
            visibility=_visibility(shape),
            segmentation=outline,
        )


def _read_task(path: Path) -> _Task:
    try:
        root = ElementTree.fromstring(read_text(path, "an XML file"))
    except ElementTree.ParseError as error:
        raise DataError(f"{path}: expected an XML file: {error}") from error
    if root.tag != "annotations":
        raise DataError(f"{path}: expected CVAT's element annotations, got {root.tag}")
    return _Task(path, root)


def _is_ignored(label: str) -> bool:
    return label.lower() in IGNORE_LABELS


def _shape(shape: ElementTree.Element) -> tuple[Corners, Polygons | None]:
    """Box and outline of a shape; ValueError where a number is missing."""
    if shape.tag == "box":
        left, top, right, bottom = (
            float(shape.get(name, "")) for name in ("xtl", "ytl", "xbr", "ybr")
        )
        return (left, top, right, bottom), None
    numbers = tuple(float(text) for text in re.split("[,;]", shape.get("points", "")))
    xs, ys = numbers[::2], numbers[1::2]
    return (min(xs), min(ys), max(xs), max(ys)), Polygons((numbers,))


def _visibility(shape: ElementTree.Element) -> float:
    """The attribute of that name, which our writer gives; CVAT's own `occluded` says no share."""
    text = shape.findtext("./attribute[@name='visibility']")
    try:
        return float(text) if text else 1.0
    except ValueError:
        return 1.0
