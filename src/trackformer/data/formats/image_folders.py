"""Where the images of annotated data lie: numbered frames, folders beside an annotation file."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

from trackformer.data.formats.malformed import MalformedError, Report
from trackformer.errors import DataError
from trackformer.image_files import image_size

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
MAX_NAMED = 5
"""How many names an error message lists."""


def list_frames(folder: Path, report: Report) -> tuple[Path | None, ...]:
    """The images of a video in order; empty where there is no such folder.

    Names that end in a number are ordered by it. A number left out among them is reported, and a
    frame without an image takes its place.
    """
    paths = sorted(images_in(folder))
    names = [re.fullmatch(r"(.*?)(\d+)", path.stem) for path in paths]
    # Different words before the numbers: several series, or numbers that count something else.
    if None in names or len({name[1] for name in names if name}) != 1:
        return tuple(paths)
    numbered = sorted((int(name[2]), path) for name, path in zip(names, paths, strict=True) if name)
    frames: list[Path | None] = [numbered[0][1]]
    for (before, path_before), (after, path_after) in pairwise(numbered):
        # A gap would shift every later frame against its boxes without any visible error.
        if after != before + 1:
            what = f"expected an image between {path_before.name} and {path_after.name}"
            report(MalformedError("missing-image", str(folder), what))
        frames += [None] * (after - before - 1) + [path_after]
    return tuple(frames)


def images_in(folder: Path) -> list[Path]:
    """The image files of a folder, in no order; none where there is no such folder."""
    if not folder.is_dir():
        return []
    return [path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES]


def folder_with(name: str | None, candidates: Iterable[Path]) -> Path:
    """The first folder that has a file `name`, or else the first that exists at all."""
    existing = [folder for folder in candidates if folder.is_dir()]
    holding = (folder for folder in existing if name is not None and (folder / name).is_file())
    return next(holding, existing[0])


def report_missing(names: list[str], folder: Path, path: Path, report: Report) -> None:
    """Report the images that `path` names and `folder` does not have, all in one message."""
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        what = (
            f"expected all {len(names)} images in {folder}, got no {', '.join(missing[:MAX_NAMED])}"
        )
        more = len(missing) - MAX_NAMED
        report(
            MalformedError("missing-image", str(path), what + (f" and {more} more" * (more > 0)))
        )


def size_of_first(paths: Iterable[Path | None]) -> tuple[int, int] | None:
    """(height, width) of the first image; None where there is none.

    Raises:
        DataError: It cannot be read.
    """
    first = next((path for path in paths if path is not None), None)
    if first is None:
        return None
    size = image_size(first)
    if size is None:
        raise DataError(f"{first}: cannot be read as an image")
    return size
