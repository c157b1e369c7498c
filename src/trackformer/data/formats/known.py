"""The annotation formats: how each is recognised, read and written, and what it can hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from trackformer.data.annotations import AnnotatedData, AnnotatedFrame, AnnotatedSequence
from trackformer.data.formats.coco.reading import read_coco
from trackformer.data.formats.coco.writing import write_coco
from trackformer.data.formats.crowdhuman import (
    crowdhuman_image_place,
    odgt_file,
    read_crowdhuman,
    write_crowdhuman,
)
from trackformer.data.formats.cvat.reading import read_cvat
from trackformer.data.formats.cvat.tasks import cvat_files
from trackformer.data.formats.cvat.writing import (
    cvat_image_place,
    write_cvat,
    write_cvat_sparsely,
)
from trackformer.data.formats.kitti import kitti_image_place, label_folder, read_kitti, write_kitti
from trackformer.data.formats.label_studio.reading import label_studio_file, read_label_studio
from trackformer.data.formats.label_studio.writing import (
    write_label_studio,
    write_label_studio_sparsely,
)
from trackformer.data.formats.malformed import Report
from trackformer.data.formats.mot.benchmarks import benchmark_files
from trackformer.data.formats.mot.folder import is_sequence_folder
from trackformer.data.formats.mot.mots import is_mots, read_mots
from trackformer.data.formats.mot.reading import read_mot
from trackformer.data.formats.mot.writing import mot_image_place, needs_class_names, write_mot
from trackformer.data.formats.names import FormatName
from trackformer.data.formats.scalabel import is_scalabel, read_scalabel, write_scalabel
from trackformer.data.formats.tables.csv_files import csv_boxes, read_csv, write_csv
from trackformer.data.formats.tables.parquet_files import (
    parquet_boxes,
    read_parquet,
    write_parquet,
)
from trackformer.data.formats.tracks import read_tracks, tracks_files, write_tracks
from trackformer.data.formats.traits import Trait
from trackformer.data.formats.writing import grouped_image_place
from trackformer.data.formats.yolo.places import find_settings
from trackformer.data.formats.yolo.reading import read_yolo
from trackformer.data.formats.yolo.writing import write_yolo, yolo_image_place


@dataclass(frozen=True, slots=True)
class Format:
    """One way to store annotations."""

    looks_for: str
    """What makes a path one of this format, for people."""
    recognises: Callable[[Path], bool]
    read: Callable[[Path, Report], AnnotatedData]
    write: Callable[[AnnotatedData, Path], None]
    """All but the images, into a folder that has nothing yet."""
    image_place: Callable[[AnnotatedSequence, AnnotatedFrame], str]
    """Where the image of a frame goes, counted from that folder."""
    holds: frozenset[Trait]
    remarks: Mapping[Trait, str] = field(default_factory=dict)
    """How a trait is held that is not held as it is."""
    has_images: bool = True
    """Images of the frames lie in the folder, too."""
    write_sparsely: Callable[[AnnotatedData, Path, float], None] | None = None
    """`write` with only as many boxes as keep the others, moved evenly between these, at an IoU."""
    also_loses: Callable[[AnnotatedData], frozenset[Trait]] = lambda _: frozenset()
    """What it can hold, but not together with other things in these data."""


def _is_mot(path: Path) -> bool:
    if is_mots(path):
        return True
    if path.is_file():
        is_other = label_folder(path) is not None or bool(tracks_files(path))
        return path.suffix == ".txt" and not is_other
    is_one = bool(benchmark_files(path)) or is_sequence_folder(path)
    return is_one or any(is_sequence_folder(part) for part in path.glob("*/"))


def _read_mot(path: Path, report: Report) -> AnnotatedData:
    return read_mots(path, report) if is_mots(path) else read_mot(path, report)


def _coco_file(path: Path) -> Path | None:
    """The json file that a path means: itself, or the only one in the folder."""
    files = [path] if path.is_file() else sorted(path.glob("*.json"))
    is_one = len(files) == 1 and files[0].suffix == ".json" and not is_scalabel(files[0])
    return files[0] if is_one else None


def _read_coco(path: Path, report: Report) -> AnnotatedData:
    return read_coco(_coco_file(path) or path, report=report)


def _is_scalabel(path: Path) -> bool:
    files = [path] if path.is_file() else sorted(path.glob("*.json"))
    return bool(files) and all(file.suffix == ".json" and is_scalabel(file) for file in files)


def _lost_beside_class_names(data: AnnotatedData) -> frozenset[Trait]:
    """Distractors and others are classes of MOTChallenge's own list."""
    return frozenset({"distractors", "other things"} if needs_class_names(data) else ())


TABLES_HOLD: Final[frozenset[Trait]] = frozenset(
    {
        "still images",
        "videos",
        "track ids",
        "frame rate",
        "spaces in class names",
        "visibility",
        "boxes beyond the image",
        "scores",
        "which boxes were filled in",
    }
)

FORMATS: Mapping[FormatName, Format] = {
    "mot": Format(
        looks_for="gt/gt.txt, NAME/gt/gt.txt, instances_txt/NAME.txt or a .txt file",
        recognises=_is_mot,
        read=_read_mot,
        write=write_mot,
        image_place=mot_image_place,
        holds=frozenset(
            {
                "videos",
                "track ids",
                "frame rate",
                "class names",
                "spaces in class names",
                "visibility",
                "ignore regions",
                "distractors",
                "other things",
                "boxes beyond the image",
            }
        ),
        remarks={"still images": "become videos of one frame"},
        also_loses=_lost_beside_class_names,
    ),
    "tracks": Format(
        looks_for="tracks.jsonl, or folders with one",
        recognises=lambda path: bool(tracks_files(path)),
        read=read_tracks,
        write=write_tracks,
        image_place=grouped_image_place,
        has_images=False,
        holds=frozenset(
            {
                "videos",
                "track ids",
                "frame rate",
                "class names",
                "spaces in class names",
                "boxes beyond the image",
                "scores",
                "which boxes were filled in",
            }
        ),
        remarks={"still images": "become videos of one frame"},
    ),
    "label-studio": Format(
        looks_for="a .json file of tasks with video rectangles",
        recognises=lambda path: label_studio_file(path) is not None,
        read=read_label_studio,
        write=write_label_studio,
        write_sparsely=write_label_studio_sparsely,
        image_place=grouped_image_place,
        has_images=False,
        holds=frozenset(
            {
                "videos",
                "track ids",
                "frame rate",
                "class names",
                "spaces in class names",
                "boxes beyond the image",
            }
        ),
        remarks={
            "still images": "become videos of one frame",
            "scores": "the mean of each track",
        },
    ),
    "kitti": Format(
        looks_for="label_02/NAME.txt",
        recognises=lambda path: label_folder(path) is not None,
        read=read_kitti,
        write=write_kitti,
        image_place=kitti_image_place,
        holds=frozenset(
            {
                "videos",
                "track ids",
                "scores",
                "class names",
                "ignore regions",
                "boxes beyond the image",
            }
        ),
        remarks={
            "still images": "become videos of one frame",
            "visibility": "kept in three steps",
            "spaces in class names": "become underscores",
            "distractors": "become ignore regions",
        },
    ),
    "cvat": Format(
        looks_for="annotations.xml, NAME/annotations.xml or an .xml file",
        recognises=lambda path: bool(cvat_files(path)),
        read=read_cvat,
        write=write_cvat,
        write_sparsely=write_cvat_sparsely,
        image_place=cvat_image_place,
        holds=frozenset(
            {
                "videos",
                "track ids",
                "class names",
                "spaces in class names",
                "visibility",
                "ignore regions",
                "boxes beyond the image",
            }
        ),
        remarks={
            "still images": "become videos of one frame",
            "distractors": "become ignore regions",
        },
    ),
    "crowdhuman": Format(
        looks_for="an .odgt file",
        recognises=lambda path: odgt_file(path) is not None,
        read=read_crowdhuman,
        write=write_crowdhuman,
        image_place=crowdhuman_image_place,
        holds=frozenset(
            {
                "still images",
                "spaces in class names",
                "visible boxes",
                "ignore regions",
                "boxes beyond the image",
            }
        ),
        remarks={
            "class names": "only those that occur",
            "visibility": "as the visible box",
            "distractors": "become ignore regions",
        },
    ),
    "coco": Format(
        looks_for="a .json file with images, annotations and categories",
        recognises=lambda path: _coco_file(path) is not None,
        read=_read_coco,
        write=write_coco,
        image_place=grouped_image_place,
        holds=frozenset(
            {
                "videos",
                "track ids",
                "scores",
                "frame rate",
                "class names",
                "spaces in class names",
                "visibility",
                "visible boxes",
                "ignore regions",
                "outlines",
                "boxes beyond the image",
                "still images",
            }
        ),
        remarks={"distractors": "become ignore regions"},
    ),
    "scalabel": Format(
        looks_for="a .json file with a list of frames, or a folder of such",
        recognises=_is_scalabel,
        read=read_scalabel,
        write=write_scalabel,
        image_place=grouped_image_place,
        holds=frozenset(
            {
                "still images",
                "videos",
                "track ids",
                "scores",
                "class names",
                "spaces in class names",
                "visibility",
                "ignore regions",
                "boxes beyond the image",
            }
        ),
        remarks={"distractors": "become ignore regions"},
    ),
    "csv": Format(
        looks_for="boxes.csv and videos.csv",
        recognises=lambda path: csv_boxes(path) is not None,
        read=read_csv,
        write=write_csv,
        image_place=grouped_image_place,
        has_images=False,
        holds=TABLES_HOLD,
        remarks={"class names": "only those that occur"},
    ),
    "parquet": Format(
        looks_for="boxes.parquet and videos.parquet",
        recognises=lambda path: parquet_boxes(path) is not None,
        read=read_parquet,
        write=write_parquet,
        image_place=grouped_image_place,
        has_images=False,
        holds=TABLES_HOLD,
        remarks={"class names": "only those that occur"},
    ),
    "yolo": Format(
        looks_for="data.yaml, in the folder or above a folder of images",
        recognises=lambda path: find_settings(path) is not None,
        read=read_yolo,
        write=write_yolo,
        image_place=yolo_image_place,
        holds=frozenset({"still images", "class names", "spaces in class names"}),
        remarks={"boxes beyond the image": "cut at its border"},
    ),
}
"""In the order in which they are tried on a path."""
