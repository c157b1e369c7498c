"""The names of the annotation formats, for settings and flags (torch-free, and nothing is read)."""

from __future__ import annotations

from typing import Literal, TypeAlias

FormatName: TypeAlias = Literal[
    "mot",
    "tracks",
    "coco",
    "yolo",
    "kitti",
    "cvat",
    "scalabel",
    "crowdhuman",
    "label-studio",
    "csv",
    "parquet",
]
