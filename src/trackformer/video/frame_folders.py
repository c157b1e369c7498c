"""How images on disk - a folder, a glob pattern, a MOTChallenge sequence - become frames."""

from __future__ import annotations

import configparser
import glob
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Final

from trackformer.errors import DataError
from trackformer.frame_files import (
    IMAGE_SUFFIXES,
    FrameFiles,
    frame_files,
    images_in,
    only_images,
)
from trackformer.image_files import decode_image, num_pictures
from trackformer.video.frames import ASSUMED_FRAME_RATE, Frame, FrameSource

SEQUENCE_FILE: Final = "seqinfo.ini"
SEQUENCE_IMAGES: Final = "img1"


def open_folder(folder: Path) -> FrameSource:
    """The frames in a folder (see `frame_files`); a MOTChallenge sequence where it has the layout.

    Raises:
        DataError: There are no images, none of them can be read, or seqinfo.ini is malformed.
    """
    if (folder / SEQUENCE_FILE).is_file():
        return _open_sequence(folder)
    images = images_in(folder)
    if not images and (folder / SEQUENCE_IMAGES).is_dir():
        folder = folder / SEQUENCE_IMAGES
        images = images_in(folder)
    if not images:
        raise DataError(f"{folder}: no images in this folder, expected {_expected()}")
    return _open_frames(images, str(folder))


def open_glob(pattern: str) -> FrameSource:
    """The images that match a pattern such as ``frames/*.jpg`` (``**`` for any depth).

    Raises:
        DataError: Nothing matches, nothing that matches is an image, or none can be read.
    """
    matches = [Path(match) for match in glob.glob(pattern, recursive=True)]  # noqa: PTH207 - Path.glob takes no absolute pattern
    if not matches:
        raise DataError(f"{pattern}: no file matches this pattern")
    images = only_images(matches)
    if not images:
        raise DataError(
            f"{pattern}: {len(matches)} matches, none of them an image, expected {_expected()}"
        )
    # Each folder counts for itself: the same name in two is no frame twice.
    if len({path.parent for path in images}) > 1:
        return open_images(images, pattern)
    return _open_frames(images, pattern)


def _open_frames(images: Sequence[Path], name: str, frame_rate: float | None = None) -> FrameSource:
    files = frame_files(images)
    return open_images(files.paths, name, frame_rate, _remarks(files))


def _remarks(files: FrameFiles) -> tuple[str, ...]:
    """What is odd about the names: rows of results count images, whatever their names count."""
    remarks = [files.strange_names()] if files.strange_names() else []
    if files.strangers:
        remarks[0] += ": left out"
    if files.gaps and not files.counts_times:
        before, after, _ = files.gaps[0]
        missing = sum(count for _, _, count in files.gaps)
        remarks.append(
            f"{missing} numbers are left out among the names, the first between {before.name} and "
            f"{after.name}: results count images, not numbers in names"
        )
    return tuple(remarks)


def open_images(
    images: Sequence[Path],
    name: str,
    frame_rate: float | None = None,
    remarks: tuple[str, ...] = (),
) -> FrameSource:
    """These images in this order; without a frame rate their times are unknown.

    Raises:
        DataError: None of the images can be read.
    """
    if not any(decode_image(path) is not None for path in images):
        raise DataError(
            f"{name}: no readable image: {len(images)} tried, the first is {images[0].name}"
        )
    return FrameSource(
        name=name,
        frame_rate=frame_rate or ASSUMED_FRAME_RATE,
        num_frames=len(images),
        frames=_read_frames(images, frame_rate),
        release=lambda: None,
        remarks=remarks,
    )


def _read_frames(images: Sequence[Path], frame_rate: float | None) -> Generator[Frame, None, None]:
    for index, path in enumerate(images):
        count = num_pictures(path)
        if count > 1:
            raise DataError(
                f"{path}: expected one picture in each file of a folder, got {count}; give the "
                f"file alone (frame {index + 1} of {len(images)}; {index} read)"
            )
        pixels = decode_image(path)
        if pixels is None:
            raise DataError(
                f"{path}: expected an image, got a file that cannot be read as one "
                f"(frame {index + 1} of {len(images)}; {index} read)"
            )
        yield Frame(pixels, index, None if frame_rate is None else index / frame_rate)


def _open_sequence(folder: Path) -> FrameSource:
    """A MOTChallenge sequence: seqinfo.ini names the image folder and the frame rate."""
    information = _read_sequence_file(folder / SEQUENCE_FILE)
    image_folder = folder / information.get("imdir", SEQUENCE_IMAGES)
    if not image_folder.is_dir():
        raise DataError(f"{image_folder}: no such folder, though {SEQUENCE_FILE} names it")
    extension = information.get("imext", "")
    images = [path for path in images_in(image_folder) if path.name.endswith(extension)]
    if not images:
        expected = f"*{extension}" if extension else _expected()
        raise DataError(
            f"{image_folder}: no images of the sequence {folder.name}, expected {expected}"
        )
    return _open_frames(images, str(folder), _frame_rate(folder / SEQUENCE_FILE, information))


def _read_sequence_file(path: Path) -> configparser.SectionProxy:
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(path.read_text(encoding="utf-8-sig"))
        return parser["Sequence"]
    except (OSError, UnicodeDecodeError, configparser.Error, KeyError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: expected a section [Sequence]: {reason}") from error


def _frame_rate(path: Path, information: configparser.SectionProxy) -> float:
    text = information.get("framerate", "")
    try:
        frame_rate = float(text)
    except ValueError:
        frame_rate = 0.0
    if not 0 < frame_rate < float("inf"):
        raise DataError(f"{path}: expected frameRate to be a positive number, got {text!r}")
    return frame_rate


def _expected() -> str:
    return "files ending in " + ", ".join(IMAGE_SUFFIXES)
