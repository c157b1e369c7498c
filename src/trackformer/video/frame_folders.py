"""How images on disk - a folder, a glob pattern, a MOTChallenge sequence - become frames."""

from __future__ import annotations

import configparser
import glob
import re
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Final

from trackformer.errors import DataError
from trackformer.image_files import decode_image
from trackformer.video.frames import ASSUMED_FRAME_RATE, Frame, FrameSource

IMAGE_SUFFIXES: Final = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
SEQUENCE_FILE: Final = "seqinfo.ini"
SEQUENCE_IMAGES: Final = "img1"


def open_folder(folder: Path) -> FrameSource:
    """The images of a folder in natural order; a MOTChallenge sequence where it has the layout.

    Raises:
        DataError: There are no images, none of them can be read, or seqinfo.ini is malformed.
    """
    if (folder / SEQUENCE_FILE).is_file():
        return _open_sequence(folder)
    images = _images_in(folder)
    if not images and (folder / SEQUENCE_IMAGES).is_dir():
        folder = folder / SEQUENCE_IMAGES
        images = _images_in(folder)
    if not images:
        raise DataError(f"{folder}: no images in this folder, expected {_expected()}")
    return open_images(images, str(folder))


def open_glob(pattern: str) -> FrameSource:
    """The images that match a pattern such as ``frames/*.jpg`` (``**`` for any depth).

    Raises:
        DataError: Nothing matches, nothing that matches is an image, or none can be read.
    """
    matches = [Path(match) for match in glob.glob(pattern, recursive=True)]  # noqa: PTH207 - Path.glob takes no absolute pattern
    if not matches:
        raise DataError(f"{pattern}: no file matches this pattern")
    images = _only_images(matches)
    if not images:
        raise DataError(
            f"{pattern}: {len(matches)} matches, none of them an image, expected {_expected()}"
        )
    return open_images(images, pattern)


def open_images(images: list[Path], name: str, frame_rate: float | None = None) -> FrameSource:
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
    )


def natural_order(path: Path) -> tuple[list[str | int], str]:
    """Sort key that puts ``frame9`` before ``frame10``."""
    parts = re.split(r"([0-9]+)", str(path).lower())
    return [int(part) if part.isdecimal() else part for part in parts], str(path)


def _read_frames(images: list[Path], frame_rate: float | None) -> Generator[Frame, None, None]:
    for index, path in enumerate(images):
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
    extension = information.get("imext", "")
    images = [path for path in _images_in(image_folder) if path.name.endswith(extension)]
    if not images:
        expected = f"*{extension}" if extension else _expected()
        raise DataError(
            f"{image_folder}: no images of the sequence {folder.name}, expected {expected}"
        )
    return open_images(images, str(folder), _frame_rate(folder / SEQUENCE_FILE, information))


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


def _images_in(folder: Path) -> list[Path]:
    try:
        return _only_images(folder.iterdir())
    except OSError as error:
        raise DataError(f"{folder}: cannot list this folder: {error.strerror}") from error


def _only_images(paths: Iterable[Path]) -> list[Path]:
    """Images among `paths` in natural order, without hidden files such as macOS' ``._1.jpg``."""
    return sorted(
        (
            path
            for path in paths
            if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")
        ),
        key=natural_order,
    )


def _expected() -> str:
    return "files ending in " + ", ".join(IMAGE_SUFFIXES)
