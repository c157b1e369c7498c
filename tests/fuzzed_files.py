"""Small honest files of every kind that is read, and how each is read: to be damaged one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from PIL import Image

from checkpoints.weight_files import write_weights
from trackformer import load_model
from trackformer.checking.check import check_data
from trackformer.config import read_settings
from trackformer.data.annotations import AnnotatedData, AnnotatedSequence
from trackformer.data.convert import write_annotations
from trackformer.data.formats.coco.results import read_coco_results
from trackformer.data.formats.mot.mots import MotsFrame, read_mots_results, write_mots_results
from trackformer.data.formats.mot.reading import read_mot_results
from trackformer.data.formats.names import FormatName
from trackformer.data.formats.parts.assembly import Entry, Kind, assemble_frame
from trackformer.data.masks import RunLengths, encode_mask
from trackformer.data.read import read_annotations
from trackformer.errors import TrackFormerError
from trackformer.frame_files import IMAGE_SUFFIXES
from trackformer.tracking.settings import TrackerSettings
from trackformer.tracking.videos.zones import read_zones
from trackformer.video.sources import open_source
from trackformer.video.writing import VideoWriter

SIZE: Final = (48, 64)
VIDEOS_ONLY: Final = ("mot", "kitti", "cvat", "tracks", "label-studio")
FORMATS: Final[tuple[FormatName, ...]] = (
    "mot", "tracks", "coco", "yolo", "kitti", "cvat", "scalabel", "crowdhuman", "label-studio",
    "csv", "parquet",
)  # fmt: skip
MOTS: Final = "mots"
PICTURES: Final = (".png", ".jpg", ".tif", ".webp", ".bmp", ".gif")
MOST_FRAMES: Final = 20
"""Of a video: damage may declare any number."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A folder of honest files, of which one is damaged, and what is read then."""

    kind: str
    folder: Path
    damaged: Path
    read_from: Path
    read: Callable[[Path], object]


def all_samples(folder: Path) -> list[Sample]:
    """One of everything, written below a folder."""
    return [
        *weight_samples(folder / "weights"),
        *annotation_samples(folder / "annotations"),
        *result_samples(folder / "results"),
        *picture_samples(folder / "pictures"),
    ]


def weight_samples(folder: Path) -> Iterator[Sample]:
    """Weights of all kinds, and the configurations beside them."""
    folder.mkdir(parents=True)
    for damaged, read_from in write_weights(folder).items():
        yield Sample(f"weights {damaged.name}", folder, damaged, read_from, load_model)


def annotation_samples(folder: Path, formats: tuple[str, ...] = (*FORMATS, MOTS)) -> list[Sample]:
    """Every file but the images of every format."""
    folder.mkdir(parents=True)
    samples = []
    for name in formats:
        place = folder / name / "data"
        place.parent.mkdir()
        _write_format(place, name)
        samples += [
            Sample(f"{name} {damaged.name}", place, damaged, place, checked_and_converted)
            for damaged in sorted(place.rglob("*"))
            if damaged.is_file()
            and damaged.suffix not in IMAGE_SUFFIXES
            and damaged.name != "conversion.yaml"
            and damaged.stat().st_size
        ]
    return samples


def result_samples(folder: Path) -> Iterator[Sample]:
    """What trackers and detectors answered, and settings of runs."""
    folder.mkdir(parents=True)
    texts: dict[str, tuple[str, Callable[[Path], object]]] = {
        "mot.txt": ("1,1,11,21,10,20,.9,-1,-1,-1\n2,1,12,22,10,20,.8,-1,-1,-1\n", read_mot_results),
        "coco.json": (
            '[{"image_id": 1, "category_id": 2, "bbox": [1.5, 2, 10, 20], "score": 0.5}]',
            read_coco_results,
        ),
        "zones.json": ('{"door": [[0, 0], [10, 0], [10.5, 20]]}', read_zones),
        "tracker.yaml": (
            "birth_score: 0.5\nkeep_score: 0.4\npatience: 5\n",
            lambda path: read_settings(TrackerSettings, path),
        ),
    }
    for name, (content, read) in texts.items():
        (folder / name).write_text(content, encoding="utf-8")
        yield Sample(f"results {name}", folder, folder / name, folder / name, read)
    masks = folder / "masks.txt"
    write_mots_results(masks, _mots_frames())
    yield Sample("results masks.txt", folder, masks, masks, read_mots_results)


def picture_samples(folder: Path) -> Iterator[Sample]:
    """Images, stacks of them, and a video."""
    folder.mkdir(parents=True)
    pixels = np.arange(48 * 64 * 3, dtype=np.uint8).reshape(48, 64, 3)
    for suffix in PICTURES:
        path = folder / f"picture{suffix}"
        Image.fromarray(pixels).save(path)
        yield Sample(f"picture {suffix}", folder, path, path, _frames)
    stack = folder / "stack.tif"
    Image.fromarray(pixels).save(stack, save_all=True, append_images=[Image.fromarray(pixels)] * 2)
    yield Sample("picture stack", folder, stack, stack, _frames)
    video = folder / "video.mp4"
    with VideoWriter(video, 10.0) as writer:
        for _ in range(5):
            writer.write(pixels)
    yield Sample("video .mp4", folder, video, video, _frames)


def checked_and_converted(path: Path) -> None:
    """What `data check` and `data convert` do; the refusal of either is raised."""
    try:
        check_data(path)
    except TrackFormerError as error:
        refusal: TrackFormerError | None = error
    else:
        refusal = None
    converted = path.parent / "converted"
    write_annotations(read_annotations(path), converted, "coco", images="none", overwrite=True)
    if refusal is not None:
        raise refusal


def _write_format(folder: Path, name: str) -> None:
    """A video of two frames and, where the format holds them, a still image."""
    if name == MOTS:
        (folder / "A" / "img1").mkdir(parents=True)
        for number in (1, 2):
            _write_image(folder / "A" / "img1" / f"{number:06d}.png")
        write_mots_results(folder / "A" / "gt" / "gt.txt", _mots_frames())
        return
    image = folder.parent / "frame.png"
    _write_image(image)
    outline = _outline()
    person = Entry("", 0, (10, 10, 30, 20), track_id=1, segmentation=outline)
    car = Entry("", 0, (1, 2, 20.5, 30), label=1, track_id=2, visibility=0.6)
    region = Entry("", 0, (40, 0, 60, 40), Kind.IGNORED)
    frames = tuple(assemble_frame(index, image, [person, car, region]) for index in range(2))
    sequences = [AnnotatedSequence("A", frames, SIZE, 25.0, is_video=True)]
    if name not in VIDEOS_ONLY:
        sequences.append(AnnotatedSequence("b", frames[:1], SIZE, None, is_video=False))
    known = next(each for each in FORMATS if each == name)
    write_annotations(AnnotatedData(tuple(sequences), ("person", "car")), folder, known)


def _write_image(path: Path) -> None:
    cv2.imwrite(str(path), np.zeros((*SIZE, 3), np.uint8))


def _outline() -> RunLengths:
    mask = np.zeros(SIZE, dtype=bool)
    mask[10:20, 10:30] = True
    return encode_mask(mask)


def _mots_frames() -> list[MotsFrame]:
    ids, classes = np.array([1]), np.array([2])
    return [MotsFrame(index, ids, classes, (_outline(),)) for index in range(2)]


def _frames(path: Path) -> None:
    with open_source(path) as source:
        for _ in islice(source, MOST_FRAMES):
            pass
