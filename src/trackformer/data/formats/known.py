"""The annotation formats: how each is recognised, read and written, and what it can hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from trackformer.data.annotations import AnnotatedData
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
from trackformer.data.formats.format import Format
from trackformer.data.formats.kitti import kitti_image_place, label_folder, read_kitti, write_kitti
from trackformer.data.formats.label_studio.reading import label_studio_file, read_label_studio
from trackformer.data.formats.label_studio.writing import (
    write_label_studio,
    write_label_studio_sparsely,
)
from trackformer.data.formats.mot.writing import mot_image_place, needs_class_names, write_mot
from trackformer.data.formats.names import FormatName
from trackformer.data.formats.parts.traits import Trait
from trackformer.data.formats.parts.writing import grouped_image_place
from trackformer.data.formats.recognising import (
    coco_file,
    is_mot,
    is_scalabel_folder,
    read_coco_folder,
    read_mot_or_mots,
)
from trackformer.data.formats.scalabel.reading import read_scalabel
from trackformer.data.formats.scalabel.writing import write_scalabel
from trackformer.data.formats.tables.csv_files import csv_boxes, read_csv, write_csv
from trackformer.data.formats.tables.parquet_files import (
    parquet_boxes,
    read_parquet,
    write_parquet,
)
from trackformer.data.formats.tracks import read_tracks, tracks_files, write_tracks
from trackformer.data.formats.yolo.places import find_settings
from trackformer.data.formats.yolo.reading import read_yolo
from trackformer.data.formats.yolo.writing import write_yolo, yolo_image_place


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
        recognises=is_mot,
        read=read_mot_or_mots,
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
                "ignore regions",
                "boxes beyond the image",
            }
        ),
        remarks={
            "still images": "become videos of one frame",
            "visibility": "kept in three steps",
            "class names": "KITTI's own where it has one: Pedestrian for person",
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
        recognises=lambda path: coco_file(path) is not None,
        read=read_coco_folder,
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
        recognises=is_scalabel_folder,
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
