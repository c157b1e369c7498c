"""How COCO json files are read: as still images, or as videos where images name theirs."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Float

from trackformer.data.annotations import AnnotatedData, AnnotatedFrame, AnnotatedSequence
from trackformer.data.masks import MaskImage, Polygons, RunLengths, Segmentation
from trackformer.errors import DataError

Record: TypeAlias = Mapping[str, Any]
"""One entry of the json file."""
MAX_NAMED = 5
"""How many bad entries an error message names."""


def read_coco(path: Path, image_folder: Path | None = None) -> AnnotatedData:
    """Read a COCO json file.

    Images with `video_id` and `frame_id` (or `frame_index`) are the frames of videos, whose
    annotations carry `track_id` (or `instance_id`); any other image is a sequence of one frame.
    Categories become labels in the order of their ids.

    Args:
        path: The json file.
        image_folder: Where the images lie; absent: `images` beside the file, or its own folder.

    Raises:
        DataError: The file is malformed, boxes have no area, or images are missing.
    """
    content = _read_json(path)
    if image_folder is None:
        beside = path.parent / "images"
        image_folder = beside if beside.is_dir() else path.parent
    try:
        categories = sorted(content["categories"], key=lambda category: category["id"])
        label_of = {category["id"]: label for label, category in enumerate(categories)}
        dataset = _Dataset(path, image_folder, label_of, _annotations_by_image(content, path))
        _check_annotations(content, label_of, path)
        _check_images(content["images"], image_folder, path)
        sequences = _still_images(content, dataset) + _videos(content, dataset)
        return AnnotatedData(sequences, tuple(str(category["name"]) for category in categories))
    except KeyError as error:
        raise DataError(f"{path}: expected the key {error} in every entry of its kind") from error
    except (TypeError, AttributeError, ValueError) as error:
        raise DataError(f"{path}: expected COCO's layout: {error}") from error


@dataclass(frozen=True, slots=True)
class _Dataset:
    """What every frame of one file is built from."""

    path: Path
    image_folder: Path
    label_of: Mapping[int, int]
    annotations_of: Mapping[Any, Sequence[Record]]

    def frame(
        self, image: Record, frame_index: int, track_ids: Mapping[Any, int]
    ) -> AnnotatedFrame:
        """The annotations of one image; `track_ids` by annotation id."""
        found = self.annotations_of.get(image["id"], ())
        objects = [annotation for annotation in found if not annotation.get("iscrowd", 0)]
        crowds = [annotation for annotation in found if annotation.get("iscrowd", 0)]
        labels = [self.label_of[annotation["category_id"]] for annotation in objects]
        ids = [track_ids[annotation["id"]] for annotation in objects]
        return AnnotatedFrame(
            frame_index=frame_index,
            image_path=self.image_folder / image["file_name"],
            boxes_xyxy=_boxes_xyxy(objects),
            labels=np.array(labels, dtype=np.int64),
            track_ids=np.array(ids, dtype=np.int64),
            visibility=np.array([float(entry.get("visibility", 1)) for entry in objects]),
            ignore_boxes_xyxy=_boxes_xyxy(crowds),
            ignore_is_distractor=np.zeros(len(crowds), dtype=bool),
            other_boxes_xyxy=np.zeros((0, 4)),
            segmentations=self._segmentations(image, objects),
        )

    def _segmentations(
        self, image: Record, objects: Sequence[Record]
    ) -> tuple[Segmentation | None, ...]:
        mask_path = None
        if "mask_file" in image:
            mask_path = self.path.parent / "masks" / image["mask_file"]
        outlines = tuple(_segmentation(annotation, mask_path) for annotation in objects)
        return outlines if any(outlines) else ()


def _still_images(content: Record, dataset: _Dataset) -> tuple[AnnotatedSequence, ...]:
    sequences = []
    for image in content["images"]:
        if "video_id" in image:
            continue
        found = dataset.annotations_of.get(image["id"], ())
        track_ids = {annotation["id"]: number for number, annotation in enumerate(found, start=1)}
        frame = dataset.frame(image, 0, track_ids)
        size = (int(image["height"]), int(image["width"]))
        sequences.append(
            AnnotatedSequence(image["file_name"], (frame,), size, None, is_video=False)
        )
    return tuple(sequences)


def _videos(content: Record, dataset: _Dataset) -> tuple[AnnotatedSequence, ...]:
    images_of: dict[Any, list[Record]] = defaultdict(list)
    for image in content["images"]:
        if "video_id" in image:
            images_of[image["video_id"]].append(image)
    videos = {video["id"]: video for video in content.get("videos", ())}
    return tuple(
        _video(videos.get(video_id, {}), video_id, images, dataset)
        for video_id, images in images_of.items()
    )


def _video(
    video: Record, video_id: Any, images: Sequence[Record], dataset: _Dataset
) -> AnnotatedSequence:
    name = str(video.get("name", video_id))
    images = sorted(images, key=_frame_number)
    if any(_frame_number(a) == _frame_number(b) for a, b in pairwise(images)):
        raise DataError(f"{dataset.path}: expected each frame once in video {name}")
    sizes = {(int(image["height"]), int(image["width"])) for image in images}
    if len(sizes) > 1:
        raise DataError(f"{dataset.path}: expected one image size in video {name}, got {sizes}")
    frames = []
    for index, image in enumerate(images):
        found = dataset.annotations_of.get(image["id"], ())
        track_ids = {annotation["id"]: _track_id(annotation) for annotation in found}
        frame = dataset.frame(image, index, track_ids)
        if len(np.unique(frame.track_ids)) < len(frame.track_ids):
            raise DataError(
                f"{dataset.path}: expected each track id once in a frame, got one again in "
                f"{image['file_name']}"
            )
        frames.append(frame)
    rate = video.get("frame_rate", video.get("fps"))
    frame_rate = None if rate is None else float(rate)
    return AnnotatedSequence(name, tuple(frames), sizes.pop(), frame_rate, is_video=True)


def _frame_number(image: Record) -> int:
    return int(image["frame_id"] if "frame_id" in image else image["frame_index"])


def _track_id(annotation: Record) -> int:
    # Crowds belong to no track and need no id.
    if annotation.get("iscrowd", 0):
        return -1
    return int(annotation["track_id"] if "track_id" in annotation else annotation["instance_id"])


def _read_json(path: Path) -> Record:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file") from error
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: expected a json file: {error}") from error
    missing = [key for key in ("images", "annotations", "categories") if key not in content]
    if not isinstance(content, dict) or missing:
        raise DataError(f"{path}: expected images, annotations and categories, got no {missing}")
    return content


def _annotations_by_image(content: Record, path: Path) -> Mapping[Any, Sequence[Record]]:
    image_ids = {image["id"] for image in content["images"]}
    found: dict[Any, list[Record]] = defaultdict(list)
    for annotation in content["annotations"]:
        found[annotation["image_id"]].append(annotation)
    lost = [entry["id"] for key in found if key not in image_ids for entry in found[key]]
    _refuse(path, "annotations of a known image", lost)
    return found


def _check_annotations(content: Record, label_of: Mapping[int, int], path: Path) -> None:
    annotations = content["annotations"]
    counts = Counter(annotation["id"] for annotation in annotations)
    _refuse(path, "each annotation id once", [key for key, count in counts.items() if count > 1])
    unknown = [entry["id"] for entry in annotations if entry["category_id"] not in label_of]
    _refuse(path, "annotations of a known category", unknown)
    shapeless = [entry["id"] for entry in annotations if not _has_area(entry["bbox"])]
    _refuse(path, "boxes with a positive width and height", shapeless)


def _has_area(box_xywh: Sequence[float | int]) -> bool:
    return bool(len(box_xywh) == 4 and np.isfinite(box_xywh).all() and min(box_xywh[2:]) > 0)


def _check_images(images: Sequence[Record], image_folder: Path, path: Path) -> None:
    names = [str(image["file_name"]) for image in images]
    missing = [name for name in names if not (image_folder / name).is_file()]
    if missing:
        raise DataError(
            f"{path}: expected all {len(names)} images in {image_folder}, "
            f"got no {_first_few(missing)}"
        )


def _refuse(path: Path, expected: str, annotation_ids: Sequence[Any]) -> None:
    if annotation_ids:
        raise DataError(
            f"{path}: expected {expected}, not so for annotation id {_first_few(annotation_ids)}"
        )


def _first_few(names: Sequence[Any]) -> str:
    shown = ", ".join(str(name) for name in names[:MAX_NAMED])
    more = len(names) - MAX_NAMED
    return shown if more <= 0 else f"{shown} and {more} more"


def _boxes_xyxy(annotations: Sequence[Record]) -> Float[np.ndarray, "boxes 4"]:
    boxes = np.array([annotation["bbox"] for annotation in annotations], dtype=np.float64)
    boxes = boxes.reshape(-1, 4)
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)


def _segmentation(annotation: Record, mask_path: Path | None) -> Segmentation | None:
    outline = annotation.get("segmentation")
    if isinstance(outline, Mapping):
        counts, (height, width) = outline["counts"], outline["size"]
        runs = counts if isinstance(counts, str) else tuple(int(count) for count in counts)
        return RunLengths(runs, (int(height), int(width)))
    if outline:
        return Polygons(tuple(tuple(float(number) for number in part) for part in outline))
    if mask_path is not None and "mask_value" in annotation:
        return MaskImage(mask_path, int(annotation["mask_value"]))
    return None
