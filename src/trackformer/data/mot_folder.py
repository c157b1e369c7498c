"""What a MOTChallenge sequence folder says beside its annotations: images, size, frame rate."""

from __future__ import annotations

import configparser
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from trackformer.errors import DataError
from trackformer.image_files import decode_image

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")


@dataclass(frozen=True, slots=True)
class SequenceFolder:
    """The images and `seqinfo.ini` of one sequence, each of which may be missing."""

    name: str
    image_paths: tuple[Path, ...]
    """In the order of the frames; empty where there are no images."""
    num_frames: int
    """0 where neither images nor `seqinfo.ini` tell."""
    image_size: tuple[int, int] | None
    """(height, width)."""
    frame_rate: float | None


def is_sequence_folder(path: Path) -> bool:
    """Whether a folder holds `gt` or `img1`."""
    return (path / "gt").is_dir() or (path / "img1").is_dir()


def read_sequence_folder(path: Path) -> SequenceFolder:
    """Look at the images and `seqinfo.ini` of a sequence.

    Raises:
        DataError: `seqinfo.ini` is malformed, an image is missing between others, or the images
            are not as many as `seqinfo.ini` says.
    """
    info = _read_seqinfo(path / "seqinfo.ini")
    image_paths = _list_images(path / info.get("imdir", "img1"))
    stated_length = _positive(info, "seqLength", path)
    if image_paths and stated_length and len(image_paths) != stated_length:
        raise DataError(
            f"{path}: expected {stated_length:g} images as seqinfo.ini says, got {len(image_paths)}"
        )
    height, width = _positive(info, "imHeight", path), _positive(info, "imWidth", path)
    if height and width:
        image_size: tuple[int, int] | None = (int(height), int(width))
    else:
        image_size = _size_of_image(image_paths[0]) if image_paths else None
    return SequenceFolder(
        name=path.resolve().name,
        image_paths=image_paths,
        num_frames=len(image_paths) or int(stated_length or 0),
        image_size=image_size,
        frame_rate=_positive(info, "frameRate", path),
    )


def _read_seqinfo(path: Path) -> dict[str, str]:
    """The `[Sequence]` part with lower-case keys; empty where there is no file."""
    if not path.is_file():
        return {}
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(path.read_text(encoding="utf-8-sig"))
        return dict(parser["Sequence"])
    except (configparser.Error, KeyError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: expected an ini file with a [Sequence] part: {reason}") from error


def _positive(info: dict[str, str], key: str, path: Path) -> float | None:
    text = info.get(key.lower())
    if text is None:
        return None
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise DataError(
            f"{path / 'seqinfo.ini'}: expected a positive number for {key}, got {text!r}"
        )
    return number


def _list_images(folder: Path) -> tuple[Path, ...]:
    if not folder.is_dir():
        return ()
    paths = [path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES]
    if not all(path.stem.isdecimal() for path in paths):
        return tuple(sorted(paths))
    paths.sort(key=lambda path: int(path.stem))
    # A gap would shift every later frame against its boxes without any visible error.
    for before, after in pairwise(paths):
        if int(after.stem) != int(before.stem) + 1:
            raise DataError(f"{folder}: expected an image between {before.name} and {after.name}")
    return tuple(paths)


def _size_of_image(path: Path) -> tuple[int, int]:
    pixels = decode_image(path)
    if pixels is None:
        raise DataError(f"{path}: cannot be read as an image")
    return pixels.shape[0], pixels.shape[1]
