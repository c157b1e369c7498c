"""How COCO json files are read: as still images, or as videos where images name theirs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias

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
from trackformer.data.formats.parts.image_folders import (
    folder_with,
    is_file,
    report_missing,
    size_of_first,
)
from trackformer.data.formats.parts.malformed import MalformedError, Report, refuse
from trackformer.data.formats.parts.rotation import upright_hull
from trackformer.data.formats.parts.text_files import read_json
from trackformer.data.masks import MaskImage, Polygons, RunLengths, Segmentation
from trackformer.errors import DataError

Record: TypeAlias = Mapping[str, Any]
"""One entry of the json file."""
PARTS = ("images", "annotations", "categories")
NUM_BOX_NUMBERS = 4


def read_coco(
    path: Path, image_folder: Path | None = None, report: Report = refuse
) -> AnnotatedData:
    """Read a COCO json file.

    Images with `video_id` and `frame_id` (or `frame_index`) are the frames of videos, whose
    annotations carry `track_id` (or `instance_id`); any other image is a sequence of one frame.
    Categories become labels in the order of their ids. Crowds become ignore regions.

    Args:
        path: The json file.
        image_folder: Where the images lie; absent: `images` beside the file or beside its folder,
            a folder there that the file is named after (`instances_train2017.json`: `train2017`),
            or its own folder.
        report: Takes what is malformed.

    Raises:
        DataError: The file is not COCO's.
    """
    content = read_coco_json(path)
    try:
        if image_folder is None:
            image_folder = coco_image_folder(path, content["images"])
        categories = sorted(content["categories"], key=lambda category: category["id"])
        label_of = {category["id"]: label for label, category in enumerate(categories)}
        annotations = _annotations_by_image(content, label_of, path, report)
        report_missing(
            [str(image["file_name"]) for image in content["images"]], image_folder, path, report
        )
        dataset = _Dataset(path, image_folder, label_of, annotations, report)
        sequences = (*dataset.still_images(content["images"]), *_videos(content, dataset))
        return AnnotatedData(sequences, tuple(str(category["name"]) for category in categories))
    except KeyError as error:
        raise DataError(f"{path}: expected the key {error} in every entry of its kind") from error
    except (TypeError, AttributeError, ValueError, OverflowError) as error:
        raise DataError(f"{path}: expected COCO's layout: {error}") from error


@dataclass(frozen=True, slots=True)
class _Dataset:
    """What every frame of one file is built from."""

    path: Path
    image_folder: Path
    label_of: Mapping[int, int]
    annotations_of: Mapping[Any, Sequence[Record]]
    report: Report

    def still_images(self, images: Sequence[Record]) -> Iterator[AnnotatedSequence]:
        """Each image that belongs to no video; its objects are numbered from 1."""
        for image in images:
            if is_of_video(image):
                continue
            found = self.annotations_of.get(image["id"], ())
            numbers = {entry["id"]: number for number, entry in enumerate(found, start=1)}
            yield self._sequence(image["file_name"], [image], numbers, None, is_video=False)

    def video(self, name: str, images: Sequence[Record], frame_rate: Any) -> AnnotatedSequence:
        """The images of a video, in any order."""
        images = sorted(images, key=_frame_number)
        if any(_frame_number(a) == _frame_number(b) for a, b in pairwise(images)):
            raise DataError(f"{self.path}: expected each frame once in video {name}")
        track_ids = {
            entry["id"]: _track_id(entry)
            for image in images
            for entry in self.annotations_of.get(image["id"], ())
        }
        return self._sequence(name, images, track_ids, frame_rate, is_video=True)

    def _sequence(
        self,
        name: str,
        images: Sequence[Record],
        track_ids: Mapping[Any, int],
        frame_rate: Any,
        *,
        is_video: bool,
    ) -> AnnotatedSequence:
        paths = [self.image_folder / image["file_name"] for image in images]
        size = _size(images[0]) or size_of_first([path for path in paths if is_file(path)])
        for image in images:
            if _size(image) not in (None, size):
                what = (
                    f"expected one image size in video {name}, got {image['file_name']} of another"
                )
                self.report(MalformedError("size", str(self.path), what))
        entries = [
            entry
            for index, image in enumerate(images)
            for annotation in self.annotations_of.get(image["id"], ())
            for entry in self._entries(annotation, image, index, track_ids[annotation["id"]])
        ]
        return AnnotatedSequence(
            name=name,
            frames=assemble_frames(entries, paths, self.report),
            image_size=size,
            frame_rate=None if frame_rate is None else finite(frame_rate, "a frame rate"),
            is_video=is_video,
            forgives_ignored=True,
            annotation_path=self.path,
            image_root=self.image_folder,
        )

    def _entries(
        self, annotation: Record, image: Record, frame_index: int, track_id: int
    ) -> Iterator[Entry]:
        """The box of an annotation, or nothing and a report."""
        try:
            yield self._entry(annotation, image, frame_index, track_id)
        except ValueError as error:
            where = f"{self.path}: annotation id {shown(annotation['id'])}"
            self.report(MalformedError("malformed", where, str(error)))

    def _entry(self, annotation: Record, image: Record, frame_index: int, track_id: int) -> Entry:
        visible = annotation.get("visible_bbox", annotation.get("vis_bbox"))
        mask_path = None
        if "mask_file" in image:
            mask_path = self.path.parent / "masks" / image["mask_file"]
        return Entry(
            where=f"{self.path}: annotation id {shown(annotation['id'])}",
            frame_index=frame_index,
            box_xyxy=upright_corners(annotation),
            kind=Kind.IGNORED if _is_ignored(annotation) else Kind.OBJECT,
            label=self.label_of[annotation["category_id"]],
            track_id=track_id,
            visibility=finite(annotation.get("visibility", 1), "a visibility"),
            score=score_of(annotation.get("score")),
            visible_box_xyxy=None if visible is None else _corners(visible),
            segmentation=_segmentation(annotation, mask_path),
        )


def _videos(content: Record, dataset: _Dataset) -> Iterator[AnnotatedSequence]:
    images_of: dict[Any, list[Record]] = defaultdict(list)
    for image in content["images"]:
        if is_of_video(image):
            images_of[image["video_id"]].append(image)
    videos = {video["id"]: video for video in content.get("videos", ())}
    for video_id, images in images_of.items():
        video = videos.get(video_id, {})
        rate = video.get("frame_rate", video.get("fps"))
        # Data sets of trackers name videos like images.
        name = video.get("name", video.get("file_name", video_id))
        yield dataset.video(str(name), images, rate)


def is_of_video(image: Record) -> bool:
    """Whether an image is a frame of a video; some tools write null where it is none."""
    return image.get("video_id") is not None


def _frame_number(image: Record) -> int:
    number = image["frame_id"] if "frame_id" in image else image["frame_index"]
    return whole(number, "a frame number")


def _size(image: Record) -> tuple[int, int] | None:
    """(height, width) as declared; None where a tool left it out."""
    height, width = image.get("height"), image.get("width")
    return None if height is None and width is None else size_of(height, width)


def _track_id(annotation: Record) -> int:
    # Crowds belong to no track and need no id.
    if _is_ignored(annotation):
        return NO_ID
    own = annotation["track_id"] if "track_id" in annotation else annotation["instance_id"]
    return whole(own, "a track id")


def _is_ignored(annotation: Record) -> bool:
    """COCO's crowds, and the `ignore` of its evaluation."""
    return bool(annotation.get("iscrowd", 0) or annotation.get("ignore", 0))


def read_coco_json(path: Path) -> Record:
    """The content of a COCO file: images, annotations and categories.

    Raises:
        DataError: It is missing, unreadable, malformed, or lacks one of the three.
    """
    content = read_json(path)
    missing = [key for key in PARTS if not isinstance(content, dict) or key not in content]
    if missing:
        raise DataError(f"{path}: expected images, annotations and categories, got no {missing}")
    result: Record = content
    return result


def coco_image_folder(path: Path, images: Sequence[Record]) -> Path:
    """Where the images of a COCO file lie, if nobody says so (see `read_coco`)."""
    beside = path.parent
    named = [beside.parent / path.stem.rpartition("_")[2], beside.parent / path.stem]
    candidates = [beside / "images", *named, beside.parent / "images", beside]
    return folder_with(str(images[0]["file_name"]) if images else None, candidates)


def _annotations_by_image(
    content: Record, label_of: Mapping[int, int], path: Path, report: Report
) -> Mapping[Any, Sequence[Record]]:
    """The annotations that have a known image and category, a box and an id of their own."""
    image_ids = {image["id"] for image in content["images"]}
    found: dict[Any, list[Record]] = defaultdict(list)
    taken = set()
    for annotation in content["annotations"]:
        where = f"{path}: annotation id {shown(annotation['id'])}"
        category = annotation["category_id"]
        if annotation["id"] in taken:
            report(MalformedError("malformed", where, "expected each annotation id once"))
        elif annotation["image_id"] not in image_ids:
            what = f"expected a known image, got image_id {shown(annotation['image_id'])}"
            report(MalformedError("malformed", where, what))
        elif category not in label_of:
            what = f"expected a category of {sorted(label_of)}, got category_id {shown(category)}"
            report(MalformedError("unknown-class", where, what))
        elif len(annotation["bbox"]) != NUM_BOX_NUMBERS:
            what = f"expected left, top, width and height, got {shown(annotation['bbox'])}"
            report(MalformedError("malformed", where, what))
        else:
            taken.add(annotation["id"])
            found[annotation["image_id"]].append(annotation)
    return found


def upright_corners(annotation: Record) -> Corners:
    """The box of an annotation; of one that was turned, the upright one around it.

    CVAT writes the angle among the attributes, and the box as it was before.

    Raises:
        ValueError: A number is malformed.
    """
    attributes = annotation.get("attributes")
    turned = attributes.get("rotation", 0) if isinstance(attributes, Mapping) else 0
    turned = annotation.get("rotation", turned) or 0
    return upright_hull(_corners(annotation["bbox"]), finite(turned, "a rotation"))


def _corners(box_xywh: Sequence[float | int]) -> Corners:
    left, top, width, height = (finite(number, "a number in bbox") for number in box_xywh)
    return left, top, left + width, top + height


def _segmentation(annotation: Record, mask_path: Path | None) -> Segmentation | None:
    outline = annotation.get("segmentation")
    if isinstance(outline, Mapping):
        counts, (height, width) = outline["counts"], outline["size"]
        runs = counts if isinstance(counts, str) else tuple(whole(n, "a count") for n in counts)
        return RunLengths(runs, size_of(height, width))
    if outline:
        return Polygons(tuple(tuple(finite(n, "a corner") for n in part) for part in outline))
    if mask_path is not None and "mask_value" in annotation:
        return MaskImage(mask_path, whole(annotation["mask_value"], "a mask value"))
    return None
