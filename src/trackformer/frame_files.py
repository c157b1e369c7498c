"""Which files of a folder are the frames of a video, and in which order: the same for all readers.

Names are read by their numbers: `frame9.jpg` comes before `frame10.jpg`, wherever the number
stands. Where one number of the names counts the frames, frames left out and files that do not
belong are found, too.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final, TypeAlias

from trackformer.errors import DataError

IMAGE_SUFFIXES: Final = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
MIN_SHARE: Final = 0.5
"""More than this share of the names must have the same words for the others to be strangers."""
MAX_NAMED: Final = 3
"""How many names a message lists."""
_TAIL: Final = re.compile(r"\.rf\.[0-9a-zA-Z]+$")
"""What Roboflow appends to every name: letters and digits that count nothing."""
_Parts: TypeAlias = tuple[str, ...]
"""Text and digits of a name by turns, beginning with text."""


@dataclass(frozen=True, slots=True)
class FrameFiles:
    """The frames of a video as files, in order."""

    paths: tuple[Path, ...]
    numbers: tuple[int, ...] | None = None
    """What counts the frames in each name, rising; None where nothing does."""
    strangers: tuple[Path, ...] = ()
    """Images whose names are unlike those of most, or count a frame twice: set aside."""
    is_mixed: bool = False
    """Whether names are of several kinds, none of which most have; all are kept."""

    @property
    def gaps(self) -> list[tuple[Path, Path, int]]:
        """The frames before and after each place where numbers are left out, and how many are."""
        if self.numbers is None:
            return []
        steps = zip(pairwise(self.paths), pairwise(self.numbers), strict=True)
        return [
            (*ends, after - before - 1) for ends, (before, after) in steps if after - before > 1
        ]

    @property
    def counts_times(self) -> bool:
        """Whether most numbers are left out: they are times, or those of every n-th frame."""
        return len(self.gaps) > MIN_SHARE * (len(self.paths) - 1)

    def strange_names(self) -> str:
        """What is odd about the names, for people; empty where nothing is."""
        if self.strangers:
            return f"expected frames named like {self.paths[0].name}, got also " + _few(
                self.strangers
            )
        return f"expected frames named alike, got {_few(self.paths)}" if self.is_mixed else ""


def frame_files(paths: Iterable[Path]) -> FrameFiles:
    """Put images in order, and set aside what does not belong to them.

    What counts the frames is the number that varies between names of the same words; where words
    differ behind it (a check sum), the first number.
    """
    ordered = sorted(paths, key=natural_order)
    members, strangers = _alike(ordered)
    names = [_parts(path) for path in members]
    is_alike = all(name[::2] == names[0][::2] for name in names)
    numbers = _counter(names) if is_alike else _leading_numbers(names)
    if numbers is None:
        is_mixed = not is_alike and len({name[::2] for name in names}) < len(names)
        return FrameFiles(tuple(members), None, tuple(strangers), is_mixed)
    by_number: dict[int, Path] = {}
    for number, path in zip(numbers, members, strict=True):
        if by_number.setdefault(number, path) is not path:
            strangers.append(path)
    rising = sorted(by_number)
    return FrameFiles(tuple(by_number[at] for at in rising), tuple(rising), tuple(strangers))


def images_in(folder: Path) -> list[Path]:
    """The image files of a folder in natural order; none where there is no such folder.

    Hidden files, such as the `._1.jpg` of macOS, are none.

    Raises:
        DataError: The folder cannot be listed.
    """
    # `Path.is_dir` raises at names that are too long, which files may give.
    if not os.path.isdir(folder):  # noqa: PTH112
        return []
    try:
        return only_images(folder.iterdir())
    except OSError as error:
        raise DataError(f"{folder}: cannot list this folder: {error.strerror}") from error


def images_below(folder: Path) -> list[Path]:
    """The image files of a folder and of all folders in it, in natural order.

    Links to folders are not followed: they may lead in circles.
    """
    return only_images(
        path
        for path in folder.rglob("*")
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def only_images(paths: Iterable[Path]) -> list[Path]:
    """Those with the ending of an image, in natural order, without hidden ones."""
    images = (
        path
        for path in paths
        if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")
    )
    return sorted(images, key=natural_order)


def natural_order(path: Path) -> tuple[list[str | int], str]:
    """Sort key that puts ``frame9`` before ``frame10``."""
    parts = re.split(r"([0-9]+)", str(path).lower())
    return [int(part) if part.isdecimal() else part for part in parts], str(path)


def _alike(paths: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """The images whose names share their words, if most do, and the others; else all."""
    words = [_parts(path)[::2] for path in paths]
    most, count = Counter(words).most_common(1)[0] if words else ((), 0)
    # Names without any number count nothing.
    if len(most) == 1 or count < 2 or count <= MIN_SHARE * len(paths):
        return list(paths), []
    members = [path for path, own in zip(paths, words, strict=True) if own == most]
    return members, [path for path, own in zip(paths, words, strict=True) if own != most]


def _counter(names: Sequence[_Parts]) -> list[int] | None:
    """The number that counts the frames in names of the same words.

    None where several vary (a date and a time), unless one of them counts without any gap.
    """
    digits = zip(*(name[1::2] for name in names), strict=True)
    columns = [[int(text) for text in column] for column in digits]
    varying = [column for column in columns if len(set(column)) > 1]
    if len(varying) > 1:
        whole = (c for c in varying if sorted(c) == list(range(min(c), min(c) + len(c))))
        return next(whole, None)
    # One name alone, or one that is there with several endings.
    return next(iter(varying), columns[-1] if columns else None)


def _leading_numbers(names: Sequence[_Parts]) -> list[int] | None:
    """The first number of each name, where the words before are the same and no two share it."""
    if any(len(name) == 1 or name[0] != names[0][0] for name in names):
        return None
    numbers = [int(name[1]) for name in names]
    return numbers if len(set(numbers)) == len(numbers) else None


def _few(paths: Sequence[Path]) -> str:
    more = f" and {len(paths) - MAX_NAMED} more" if len(paths) > MAX_NAMED else ""
    return ", ".join(path.name for path in paths[:MAX_NAMED]) + more


def _parts(path: Path) -> _Parts:
    return tuple(re.split(r"([0-9]+)", _TAIL.sub("", path.stem).lower()))
