"""What a MOTChallenge sequence folder says beside its annotations: images, size, frame rate."""

from __future__ import annotations

import configparser
from dataclasses import dataclass
from pathlib import Path

from trackformer.data.formats.limits.numbers import size_of, video_length
from trackformer.data.formats.parts.image_folders import list_frames, size_of_first
from trackformer.data.formats.parts.malformed import MalformedError, Report
from trackformer.errors import DataError
from trackformer.frame_files import images_in


@dataclass(frozen=True, slots=True)
class SequenceFolder:
    """The images and `seqinfo.ini` of one sequence, each of which may be missing."""

    name: str
    image_paths: tuple[Path | None, ...]
    """In the order of the frames; empty where there are no images, None for one left out."""
    num_frames: int
    """0 where neither images nor `seqinfo.ini` tell."""
    image_size: tuple[int, int] | None
    """(height, width)."""
    frame_rate: float | None


def is_sequence_folder(path: Path) -> bool:
    """Whether a folder holds `gt` or `img1`."""
    return (path / "gt").is_dir() or (path / "img1").is_dir()


def read_sequence_folder(path: Path, report: Report) -> SequenceFolder:
    """Look at the images and `seqinfo.ini` of a sequence.

    Reported: an image missing between others, or images not as many as `seqinfo.ini` says.

    Raises:
        DataError: `seqinfo.ini` is malformed.
    """
    info = _read_seqinfo(path / "seqinfo.ini")
    image_paths = _images(path / info.get("imdir", "img1"), info.get("imext", ""), report)
    stated_length = int(_positive(info, "seqLength", path) or 0)
    if image_paths and stated_length and len(image_paths) != stated_length:
        what = f"expected {stated_length} images as seqinfo.ini says, got {len(image_paths)}"
        report(MalformedError("missing-image", str(path), what))
    num_frames = video_length(
        str(path / "seqinfo.ini"),
        report,
        num_images=len(image_paths),
        stated=stated_length,
        annotated=(),
    )
    return SequenceFolder(
        name=path.resolve().name,
        image_paths=image_paths,
        num_frames=max(len(image_paths), num_frames),
        image_size=_stated_size(info, path) or size_of_first(image_paths),
        frame_rate=_positive(info, "frameRate", path),
    )


def _stated_size(info: dict[str, str], path: Path) -> tuple[int, int] | None:
    height, width = _positive(info, "imHeight", path), _positive(info, "imWidth", path)
    if not (height and width):
        return None
    try:
        return size_of(int(height), int(width))
    except ValueError as error:
        raise DataError(f"{path / 'seqinfo.ini'}: {error}") from error


def _images(folder: Path, suffix: str, report: Report) -> tuple[Path | None, ...]:
    """The frames with the stated ending; with any where no image has that one."""
    is_used = any(path.name.endswith(suffix) for path in images_in(folder))
    return list_frames(folder, report, suffix if is_used else "")


def _read_seqinfo(path: Path) -> dict[str, str]:
    """The `[Sequence]` part with lower-case keys; empty where there is no file."""
    if not path.is_file():
        return {}
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(path.read_text(encoding="utf-8-sig"))
        return dict(parser["Sequence"])
    except (configparser.Error, KeyError, UnicodeDecodeError, OSError) as error:
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
