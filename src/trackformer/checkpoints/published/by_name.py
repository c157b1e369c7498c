"""Published weights by name, from a folder that a user has filled; nothing is downloaded."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from trackformer.errors import CheckpointError

VARIABLE: Final = "TRACKFORMER_WEIGHTS"
"""Environment variable with the folder."""
USUAL: Final = Path("weights")
"""The folder where the variable is not set: in the working folder."""
COCO: Final[Mapping[str, str]] = {
    "detr-r50": "detr-r50-e632da11.pth",
    "detr-r50-dc5": "detr-r50-dc5-f0fb7ef5.pth",
    "detr-r101": "detr-r101-2c7b67e5.pth",
    "detr-r101-dc5": "detr-r101-dc5-a2e86def.pth",
    "deformable-detr-r50": "r50_deformable_detr-checkpoint.pth",
    "deformable-detr-r50-single-scale": "r50_deformable_detr_single_scale-checkpoint.pth",
    "deformable-detr-r50-single-scale-dc5": "r50_deformable_detr_single_scale_dc5-checkpoint.pth",
    "deformable-detr-r50-refined": (
        "r50_deformable_detr_plus_iterative_bbox_refinement-checkpoint.pth"
    ),
    "deformable-detr-r50-two-stage": (
        "r50_deformable_detr_plus_iterative_bbox_refinement_plus_plus_two_stage-checkpoint.pth"
    ),
}
"""File names of the detectors trained on COCO, as their authors gave them."""


def weights_folder() -> Path:
    """Where published weights are looked for."""
    return Path(os.environ.get(VARIABLE) or USUAL)


def published_weights(name: str) -> Path | None:
    """The file, or the folder written by transformers, that a name means; None: it is no name.

    Args:
        name: One of `COCO`, or what a folder of transformers is called.

    Raises:
        CheckpointError: A known name whose file is not there.
    """
    if name in COCO:
        return existing(COCO[name], name)
    folder = weights_folder() / name
    is_plain = name not in ("", ".", "..") and Path(name).name == name
    return folder if is_plain and (folder / "config.json").is_file() else None


def existing(file_name: str, wanted: str) -> Path:
    """A file in the folder of published weights.

    Args:
        file_name: As its authors gave it.
        wanted: By which name it was asked for.

    Raises:
        CheckpointError: It is not there.
    """
    path = weights_folder() / file_name
    if not path.is_file():
        raise CheckpointError(
            f"{wanted}: expected the file {file_name} in the folder {path.parent} (the environment "
            f"variable {VARIABLE} names another one); it is not there, and nothing is downloaded"
        )
    return path
