"""Annotated data of any known format by one call."""

from __future__ import annotations

from pathlib import Path

from trackformer.data.annotations import AnnotatedData
from trackformer.data.coco import read_coco
from trackformer.data.mot import read_mot


def read_annotations(path: Path) -> AnnotatedData:
    """Read a COCO json file, or a MOTChallenge sequence or folder of sequences.

    Raises:
        DataError: See `read_coco` and `read_mot`.
    """
    return read_coco(path) if path.suffix == ".json" else read_mot(path)
