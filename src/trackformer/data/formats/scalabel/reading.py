"""How Scalabel's json files are read, BDD100K's among them: a list of frames.

Frames with `videoName` and `frameIndex` are those of videos, whose labels carry an id; any other is
a still image.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from trackformer.data.annotations import AnnotatedData, AnnotatedSequence
from trackformer.data.formats.limits.numbers import finite, shown, size_of, whole
from trackformer.data.formats.parts.assembly import (
    NO_ID,
    Corners,
    Entry,
    Kind,
    assemble_frames,
    score_of,
)
from trackformer.data.formats.parts.class_lists import ordered_classes
from trackformer.data.formats.parts.image_folders import is_file, size_of_first
from trackformer.data.formats.parts.malformed import MalformedError, Report, refuse
from trackformer.data.formats.parts.rotation import upright_hull
from trackformer.data.formats.parts.text_files import read_json
from trackformer.data.formats.scalabel.layout import IGNORED, LAST_PIXEL, Record
from trackformer.errors import DataError

PEEKED = 65536
"""How many characters of a file are enough to know its kind."""
BDD_CLASSES = (
    "pedestrian", "rider", "car", "truck", "bus", "train", "motorcycle", "bicycle",
    "traffic light", "traffic sign",
)  # fmt: skip
BDD_IGNORED = ("other person", "other vehicle", "trailer")
"""Classes that BDD100K's evaluation treats as regions to ignore."""
FIRST_OF_TEXTS = 1_000_000_000
"""Track id of the first label whose id is no number."""


def is_scalabel(path: Path) -> bool:
    """Whether a json file begins like a list of frames, or an object that holds one."""
    with path.open(encoding="utf-8", errors="replace") as file:
        beginning = file.read(PEEKED)
    return beginning.lstrip("\ufeff \n\r\t").startswith("[") or bool(
        re.search(r'"frames"\s*:\s*\[', beginning)
    )


def read_scalabel(path: Path, report: Report = refuse) -> AnnotatedData:
    """Read a json file of frames, or a folder of such files (BDD100K has one for each video).

    Classes are those of the file's configuration, or those that occur, in BDD100K's order.

    Raises:
        DataError: A file is malformed.
    """
    files = sorted(path.glob("*.json")) if path.is_dir() else [path]
    contents = {file: _read_content(file) for file in files}
    try:
        class_names, boxed = _class_names(contents), _boxed(contents)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise DataError(f"{path}: expected Scalabel's categories and labels: {error!r}") from error
    sequences: list[AnnotatedSequence] = []
    for file, content in contents.items():
        dataset = _File(file, class_names, boxed, report)
        try:
            sequences += dataset.sequences(content["frames"])
        except KeyError as error:
            raise DataError(f"{file}: expected the key {error} in every frame") from error
        except (TypeError, AttributeError, ValueError, OverflowError) as error:
            raise DataError(f"{file}: expected Scalabel's layout: {error}") from error
    return AnnotatedData(tuple(sequences), class_names)


def _read_content(path: Path) -> Record:
    content = read_json(path)
    if isinstance(content, list):
        content = {"frames": content}
    if not isinstance(content, dict) or not isinstance(content.get("frames"), list):
        raise DataError(f"{path}: expected a list of frames, or an object with one under frames")
    result: Record = content
    return result


def _class_names(contents: Mapping[Path, Record]) -> tuple[str, ...]:
    declared: list[str] = []
    found: set[str] = set()
    for content in contents.values():
        for category in (content.get("config") or {}).get("categories") or ():
            declared += [category["name"]] if category["name"] not in declared else []
        for frame in content["frames"]:
            labels = frame.get("labels") or () if isinstance(frame, dict) else ()
            found |= {str(label.get("category")) for label in labels if not _is_ignored(label)}
    return tuple(declared) or ordered_classes(found, BDD_CLASSES)


def _boxed(contents: Mapping[Path, Record]) -> frozenset[str]:
    frames = (frame for content in contents.values() for frame in content["frames"])
    labels = (label for frame in frames for label in frame.get("labels") or ())
    return frozenset(
        str(label.get("category"))
        for label in labels
        if label.get("box2d") is not None or label.get("rbox") is not None
    )


def _is_ignored(label: Record) -> bool:
    attributes = label.get("attributes") or {}
    is_marked = attributes.get("crowd", False) or attributes.get("ignored", False)
    return bool(is_marked or label.get("category") in (*BDD_IGNORED, IGNORED))


@dataclass(frozen=True, slots=True)
class _File:
    """What the sequences of one file are built from."""

    path: Path
    class_names: tuple[str, ...]
    boxed: frozenset[str]
    """Categories of which some object of the data has a box."""
    report: Report

    def sequences(self, frames: Sequence[Record]) -> Iterator[AnnotatedSequence]:
        """Still images, then videos, each in the order of the file."""
        videos: dict[str, list[Record]] = defaultdict(list)
        for frame in frames:
            name = frame.get("videoName", frame.get("video_name"))
            if name:
                videos[str(name)].append(frame)
            else:
                yield self._sequence(str(frame["name"]), [frame], is_video=False)
        for name, members in videos.items():
            yield self._sequence(name, sorted(members, key=_frame_number), is_video=True)

    def _sequence(
        self, name: str, frames: Sequence[Record], *, is_video: bool
    ) -> AnnotatedSequence:
        paths = [self._image(name if is_video else "", frame) for frame in frames]
        ids: dict[str, int] = {}
        entries = [
            entry
            for index, frame in enumerate(frames)
            for entry in self._entries(frame, index, ids, is_video=is_video)
        ]
        size = frames[0].get("size")
        declared = size_of(size["height"], size["width"]) if isinstance(size, dict) else None
        return AnnotatedSequence(
            name=name,
            frames=assemble_frames(entries, paths, self.report),
            image_size=declared or size_of_first(paths),
            frame_rate=None,
            is_video=is_video,
            forgives_ignored=True,
            annotation_path=self.path,
            image_root=self._root(name if is_video else "", paths),
        )

    def _root(self, video: str, paths: Sequence[Path | None]) -> Path | None:
        """Where the images lie, if that is one of the usual places beside the file's folder."""
        above = self.path.parent.parent
        roots = [above / "images", *([above / video] if Path(video).name == video != "" else [])]
        first = next((path for path in paths if path is not None), None)
        return next((root for root in roots if first and first.is_relative_to(root)), None)

    def _image(self, video: str, frame: Record) -> Path | None:
        """Where the image lies; None where it is in none of the usual places."""
        beside, name = self.path.parent, str(frame["name"])
        roots = (beside / "images", beside, beside.parent / "images", beside.parent)
        choices = [root / folder / name for root in roots for folder in (video, "")]
        image = next((path for path in choices if is_file(path)), None)
        if image is None:
            what = f"expected the image {choices[0]}, got none"
            self.report(MalformedError("missing-image", str(self.path), what))
        return image

    def _entries(
        self, frame: Record, index: int, ids: dict[str, int], *, is_video: bool
    ) -> Iterator[Entry]:
        for place, label in enumerate(frame.get("labels") or (), start=1):
            category = label.get("category")
            where = f"{self.path}: frame {frame['name']}, label {label.get('id', place)}"
            if label.get("box2d") is None and label.get("rbox") is None:
                if category in self.boxed:
                    what = "expected a box2d or rbox, as other labels of its category have"
                    self.report(MalformedError("malformed", where, what))
                # Lanes and drivable areas have outlines only.
                continue
            is_ignored = _is_ignored(label)
            if not is_ignored and category not in self.class_names:
                what = (
                    f"expected a category of {', '.join(self.class_names)}, got {shown(category)}"
                )
                self.report(MalformedError("unknown-class", where, what))
                continue
            try:
                corners = _corners(label)
                visibility = finite((label.get("attributes") or {}).get("visibility", 1), "it")
                track_id = _track_id(str(label.get("id", place)), ids) if is_video else place
            except (ValueError, KeyError, TypeError) as error:
                what = f"expected a box2d or rbox with numbers: {error}"
                self.report(MalformedError("malformed", where, what))
                continue
            yield Entry(
                where=where,
                frame_index=index,
                box_xyxy=corners,
                kind=Kind.IGNORED if is_ignored else Kind.OBJECT,
                label=0 if is_ignored else self.class_names.index(str(category)),
                track_id=NO_ID if is_ignored else track_id,
                visibility=visibility,
                score=score_of(label.get("score")),
            )


def _frame_number(frame: Record) -> int:
    number = frame["frameIndex"] if "frameIndex" in frame else frame.get("index", 0)
    return whole(number, "a frame index")


def _corners(label: Record) -> Corners:
    """The box, or the upright one around a turned one."""
    box, turned = label.get("box2d"), label.get("rbox")
    if box is None and turned is not None:
        x, y, width, height, degrees = (finite(turned[key], key) for key in ("cx", "cy", *"wha"))
        half = width / 2, height / 2
        return upright_hull((x - half[0], y - half[1], x + half[0], y + half[1]), degrees)
    assert box is not None
    left, top, right, bottom = (finite(box[side], side) for side in ("x1", "y1", "x2", "y2"))
    return left, top, right + LAST_PIXEL, bottom + LAST_PIXEL


def _track_id(text: str, ids: dict[str, int]) -> int:
    """Numbers stay as they are; other texts are numbered as they appear, far from those."""
    if re.fullmatch(r"[0-9]+", text):
        return whole(text, "an id")
    return ids.setdefault(text, FIRST_OF_TEXTS + len(ids))
