"""Which videos are meant by a folder of them, a pattern, or a file that lists them."""

from __future__ import annotations

import glob
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from trackformer.errors import DataError
from trackformer.frame_files import IMAGE_SUFFIXES
from trackformer.video.addresses import is_url

VIDEO_SUFFIXES: Final = (
    ".mp4",
    ".avi",
    ".mov",
    ".mkv",
    ".webm",
    ".m4v",
    ".mpg",
    ".mpeg",
    ".ts",
    ".mts",
    ".m2ts",
    ".wmv",
    ".flv",
    ".3gp",
    ".ogv",
    ".h264",
    ".hevc",
)
LIST_SUFFIXES: Final = (".txt", ".list")


def listed_sources(source: str) -> tuple[str, ...] | None:
    """The videos that are meant by one word; None: it is a source itself.

    A folder that holds videos but no images means these, in the order of their names; a pattern
    that matches videos means those; a text file names one source a line, relative to itself (blank
    lines and lines that begin with # are passed over). None of this is opened.

    Raises:
        DataError: A list names no source, or cannot be read.
    """
    if is_url(source):
        return None
    path = Path(source).expanduser()
    if path.is_dir():
        return _videos(path.iterdir())
    if path.is_file() and path.suffix.lower() in LIST_SUFFIXES:
        return _lines(path)
    if not path.exists() and glob.has_magic(source):
        # The pattern may be absolute, which Path.glob refuses.
        return _videos(map(Path, glob.glob(str(path), recursive=True)))  # noqa: PTH207
    return None


def _videos(paths: Iterable[Path]) -> tuple[str, ...] | None:
    files = sorted(path for path in paths if path.is_file() and not path.name.startswith("."))
    videos = tuple(str(path) for path in files if path.suffix.lower() in VIDEO_SUFFIXES)
    has_images = any(path.suffix.lower() in IMAGE_SUFFIXES for path in files)
    return videos if videos and not has_images else None


def _lines(path: Path) -> tuple[str, ...]:
    try:
        # Some editors begin a file with a mark of its byte order.
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as a list of videos: {error}") from error
    lines = [line.strip() for line in text.splitlines()]
    names = [line for line in lines if line and not line.startswith("#")]
    if not names:
        raise DataError(f"{path}: expected one video a line, got none")
    # An address, of a store too, is no path.
    return tuple(name if "://" in name else str(path.parent / name) for name in names)
