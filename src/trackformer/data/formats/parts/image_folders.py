"""Where the images of annotated data lie: numbered frames, folders beside an annotation file."""

from __future__ import annotations

import os
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

from trackformer.data.formats.parts.malformed import MalformedError, Report
from trackformer.errors import DataError
from trackformer.frame_files import IMAGE_SUFFIXES, frame_files, images_in
from trackformer.image_files import image_size

MAX_NAMED = 5
"""How many names an error message lists."""
MAX_GAP_SHARE = 10
"""More missing frames than this for each image: the numbers count something else than frames."""


def list_frames(folder: Path, report: Report, suffix: str = "") -> tuple[Path | None, ...]:
    """The images of a video in order (see `frame_files`); empty where there is no such folder.

    Reported: numbers left out among the names, where a frame without an image takes the place, and
    images that do not belong.

    Args:
        folder: Where they lie.
        report: Takes what is malformed.
        suffix: How the names of frames end, where that is known.
    """
    files = frame_files(path for path in images_in(folder) if path.name.endswith(suffix))
    strange = files.strange_names()
    if strange:
        report(MalformedError("missing-image", str(folder), strange))
    # A gap would shift every later frame against its boxes without any visible error.
    for before, after, _ in files.gaps:
        what = f"expected an image between {before.name} and {after.name}"
        report(MalformedError("missing-image", str(folder), what))
    missing = {before: count for before, _, count in files.gaps}
    if sum(missing.values()) > MAX_GAP_SHARE * len(files.paths):
        return files.paths
    return tuple(chain.from_iterable((p, *[None] * missing.get(p, 0)) for p in files.paths))


def image_named(folder: Path, name: str) -> Path | None:
    """The image of that name in a folder, or one whose name goes on with an image's ending."""
    exact = folder / name
    if is_file(exact):
        return exact
    endings = (*IMAGE_SUFFIXES, *(suffix.upper() for suffix in IMAGE_SUFFIXES))
    return next((p for p in (folder / f"{name}{end}" for end in endings) if is_file(p)), None)


def is_file(path: Path) -> bool:
    """Whether there is such a file; not where the name is none (too long, or with a zero byte)."""
    return os.path.isfile(path)  # noqa: PTH113 - `Path.is_file` raises at names that are too long


def is_folder(path: Path) -> bool:
    """The same for a folder."""
    return os.path.isdir(path)  # noqa: PTH112 - as above


def folder_with(name: str | None, candidates: Iterable[Path]) -> Path:
    """The first folder that has a file `name`, or else the first that exists at all."""
    existing = [folder for folder in candidates if folder.is_dir()]
    holding = (folder for folder in existing if name is not None and is_file(folder / name))
    return next(holding, existing[0])


def report_missing(names: list[str], folder: Path, path: Path, report: Report) -> None:
    """Report the images that `path` names and `folder` does not have, all in one message."""
    missing = [name for name in names if not is_file(folder / name)]
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
