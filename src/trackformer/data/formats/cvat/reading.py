"""How CVAT's XML is read: "CVAT for video 1.1" with its tracks, "CVAT for images 1.1" without.

A label called `ignore` marks regions to ignore, since CVAT has no such thing itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

from trackformer.data.annotations import AnnotatedData, AnnotatedSequence
from trackformer.data.formats.cvat.shapes import SHAPES, Shape, between, read_shape
from trackformer.data.formats.cvat.tasks import (
    FILE_NAME as FILE_NAME,
)
from trackformer.data.formats.cvat.tasks import (
    CvatFile,
    CvatVideo,
    cvat_files,
    read_file,
    videos,
)
from trackformer.data.formats.limits.numbers import (
    MAX_FRAME,
    finite,
    shown,
    size_of,
    video_length,
    whole,
)
from trackformer.data.formats.parts.assembly import NO_ID, Entry, Kind, assemble_frames
from trackformer.data.formats.parts.class_lists import ordered_classes
from trackformer.data.formats.parts.image_folders import image_named, list_frames, size_of_first
from trackformer.data.formats.parts.malformed import MalformedError, Report, refuse
from trackformer.errors import DataError

IMAGES = "images"
IGNORE_LABEL = "ignore"
IGNORE_LABELS = (IGNORE_LABEL, "ignored", "ignore region", "ignore_region", "dontcare")
MAX_BOXES = 3_000_000
"""Of one file with those between keyframes: more would not fit into memory."""


def read_cvat(path: Path, report: Report = refuse) -> AnnotatedData:
    """Read an XML file, a folder with `annotations.xml`, or a folder of such folders.

    Raises:
        DataError: There is no such file, or it is no XML of CVAT's.
    """
    paths = cvat_files(path)
    if not paths:
        raise DataError(f"{path}: expected {FILE_NAME} of CVAT in it")
    files = [read_file(file) for file in paths]
    declared = [name for file in files for name in file.label_names]
    found = {str(shape.get("label")) for file in files for shape in file.labelled}
    names = dict.fromkeys(declared) or dict.fromkeys(ordered_classes(found, ()))
    class_names = tuple(name for name in names if not _is_ignored(name))
    readers = [_Reader(file, class_names, report) for file in files]
    return AnnotatedData(
        tuple(sequence for reader in readers for sequence in reader.sequences()), class_names
    )


@dataclass(frozen=True, slots=True)
class _Seen:
    """A shape of a track in one frame."""

    frame_index: int
    shape: Shape
    entry: Entry
    is_outside: bool


@dataclass(frozen=True, slots=True)
class _Reader:
    """The sequences of one file."""

    file: CvatFile
    class_names: tuple[str, ...]
    report: Report

    def sequences(self) -> Iterator[AnnotatedSequence]:
        """Videos, or the still images of a file without tracks."""
        images = self.file.root.findall("image")
        if images and self.file.root.find("track") is None:
            yield from (self._still(image) for image in images)
        else:
            yield from (self._video(video) for video in videos(self.file, self.report))

    def _video(self, video: CvatVideo) -> AnnotatedSequence:
        folder = self.file.path.parent / IMAGES
        paths = list_frames(folder / video.name if video.is_of_project else folder, self.report)
        if paths and video.stated_length and len(paths) != video.stated_length:
            what = (
                f"expected {video.stated_length} images in {IMAGES} as the task says, "
                f"got {len(paths)}"
            )
            self.report(MalformedError("missing-image", str(self.file.path), what))
        size = video.stated_size or size_of_first(paths)
        tracks = [list(self._track(track, video, size)) for track in video.tracks]
        num_frames = video_length(
            str(self.file.path),
            self.report,
            num_images=len(paths),
            stated=video.stated_length,
            annotated={seen.frame_index for track in tracks for seen in track},
        )
        entries = self._filled(tracks, num_frames)
        return AnnotatedSequence(
            name=video.name,
            frames=assemble_frames(
                entries, paths + (None,) * (num_frames - len(paths)), self.report
            ),
            image_size=size,
            frame_rate=None,
            is_video=True,
            forgives_ignored=True,
            annotation_path=self.file.path,
        )

    def _still(self, image: ElementTree.Element) -> AnnotatedSequence:
        name = str(image.get("name"))
        beside = self.file.path.parent
        # Of a video's frame CVAT writes the name without its ending.
        found = (image_named(folder, name) for folder in (beside / IMAGES, beside))
        path = next((path for path in found if path is not None), None)
        if path is None:
            what = f"expected the image {shown(name)} in {beside / IMAGES}, got none"
            self.report(MalformedError("missing-image", str(self.file.path), what))
        where = f"{self.file.path}: image {name}"
        size = self._declared_size(image, where) or size_of_first([path])
        entries = [
            seen.entry
            for place, shape in enumerate(image, start=1)
            for seen in self._seen(shape, str(shape.get("label")), place, 0, (where, size))
        ]
        return AnnotatedSequence(
            name=name,
            frames=assemble_frames(entries, (path,), self.report),
            image_size=size,
            frame_rate=None,
            is_video=False,
            forgives_ignored=True,
            annotation_path=self.file.path,
        )

    def _declared_size(self, image: ElementTree.Element, where: str) -> tuple[int, int] | None:
        height, width = image.get("height"), image.get("width")
        if height is None and width is None:
            return None
        try:
            return size_of(height, width)
        except ValueError as error:
            self.report(MalformedError("malformed", where, str(error)))
            return None

    def _track(
        self, track: ElementTree.Element, video: CvatVideo, size: tuple[int, int] | None
    ) -> Iterator[_Seen]:
        """The shapes of a track that can be understood."""
        where, label = f"{self.file.path}: track {track.get('id')}", str(track.get("label"))
        for shape in track:
            try:
                frame = whole(shape.get("frame"), "a frame", 0, MAX_FRAME)
                track_id = whole(track.get("id"), "the id of a track")
            except ValueError as error:
                self.report(MalformedError("malformed", where, str(error)))
                continue
            place = (f"{where}, frame {frame}", size)
            yield from self._seen(shape, label, track_id, video.index(frame), place)

    def _filled(self, tracks: list[list[_Seen]], num_frames: int) -> Iterator[Entry]:
        """All boxes; those between keyframes are filled in where they were left out."""
        count = 0
        for track in tracks:
            # What lies beyond the end is reported where frames are put together.
            within = [seen for seen in track if 0 <= seen.frame_index < num_frames]
            yield from (seen.entry for seen in track if seen not in within)
            for before, after in pairwise(within):
                count += max(1, after.frame_index - before.frame_index)
                if count > MAX_BOXES:
                    raise DataError(f"{self.file.path}: expected at most {MAX_BOXES} boxes")
                if not before.is_outside:
                    yield before.entry
                    yield from _between(before, after)
            if within and not within[-1].is_outside:
                yield within[-1].entry

    def _seen(
        self,
        shape: ElementTree.Element,
        label: str,
        track_id: int,
        frame_index: int,
        place: tuple[str, tuple[int, int] | None],
    ) -> Iterator[_Seen]:
        """A shape as a box, or nothing and a report; `place`: for messages, and the image size."""
        where, image_size = place
        if shape.tag not in SHAPES:
            what = f"expected a shape of {', '.join(SHAPES)}, got {shape.tag}"
            self.report(MalformedError("malformed", where, what))
            return
        is_ignored = _is_ignored(label)
        if not is_ignored and label not in self.class_names:
            what = f"expected a label of {', '.join(self.class_names)}, got {shown(label)}"
            self.report(MalformedError("unknown-class", where, what))
            return
        try:
            found = read_shape(shape, image_size)
        except ValueError as error:
            self.report(MalformedError("malformed", where, str(error)))
            return
        entry = Entry(
            where=where,
            frame_index=frame_index,
            box_xyxy=found.hull,
            kind=Kind.IGNORED if is_ignored else Kind.OBJECT,
            label=0 if is_ignored else self.class_names.index(label),
            track_id=NO_ID if is_ignored else track_id,
            visibility=_visibility(shape),
            segmentation=found.outline,
        )
        yield _Seen(frame_index, found, entry, shape.get("outside") == "1")


def _is_ignored(label: str) -> bool:
    return label.lower() in IGNORE_LABELS


def _visibility(shape: ElementTree.Element) -> float:
    """The attribute of that name, which our writer gives; CVAT's own `occluded` says no share."""
    text = shape.findtext("./attribute[@name='visibility']")
    try:
        return finite(text, "a visibility") if text else 1.0
    except ValueError:
        return 1.0


def _between(before: _Seen, after: _Seen) -> Iterator[Entry]:
    """The frames between two keyframes."""
    gap = after.frame_index - before.frame_index
    for step in range(1, gap):
        shape = between(before.shape, after.shape, step / gap)
        yield replace(
            before.entry,
            frame_index=before.frame_index + step,
            box_xyxy=shape.hull,
            segmentation=None,
        )
