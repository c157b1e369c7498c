"""Whether the images of annotated data lie in the data's own folder, in one place for all formats.

A file of annotations may come from anybody. What it names must not make us open, copy or link other
files of this machine, be it by `..`, an absolute path or a link.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from trackformer.data.annotations import AnnotatedData, AnnotatedFrame, AnnotatedSequence, Frames
from trackformer.data.formats.parts.malformed import MalformedError, Report
from trackformer.data.masks import MaskImage


def within_data(
    data: AnnotatedData, path: Path, image_folders: Sequence[Path], report: Report
) -> AnnotatedData:
    """The same data, without images that lie elsewhere; those are reported.

    Args:
        data: As read.
        path: What was read: a folder, or a file, which means its folder.
        image_folders: Where images may lie, too, because a person said so.
        report: Takes each path that leads out.
    """
    own = path if path.is_dir() else path.parent
    named = tuple(folder.resolve() for folder in image_folders)
    allowed = (own.resolve(), *named)
    # One for each place of images: a folder is looked up once, whatever its files.
    guards = {
        root: _Guard((*allowed, *_real(root)))
        for root in {sequence.image_root for sequence in data.sequences}
    }
    sequences = tuple(
        _kept(sequence, guards[sequence.image_root], report) for sequence in data.sequences
    )
    return replace(data, sequences=sequences)


def leads_out(path: Path, folder: Path) -> bool:
    """Whether a file lies elsewhere than in a folder, once all links are followed."""
    return not _allows(_Guard((folder.resolve(),)), path)


def _real(root: Path | None) -> tuple[Path, ...]:
    """The folder where a format has the images, unless it is a link that leads elsewhere."""
    if root is None:
        return ()
    real = Path(os.path.realpath(root))
    return (real,) if real == Path(os.path.realpath(root.parent)) / root.name else ()


@dataclass(frozen=True, slots=True)
class _Guard:
    """The folders that images may lie in, and what was looked up of others already."""

    allowed: tuple[Path, ...]
    _folders: dict[Path, bool] = field(default_factory=dict)

    def allows(self, path: Path) -> bool:
        """Whether a file lies in one of the folders, once all links are followed."""
        # One look at a folder serves all its files, unless they are links themselves.
        if path.is_symlink():
            return self._is_within(Path(os.path.realpath(path)))
        if path.parent not in self._folders:
            self._folders[path.parent] = self._is_within(Path(os.path.realpath(path.parent)))
        return path.name not in ("", "..") and self._folders[path.parent]

    def _is_within(self, real: Path) -> bool:
        return any(real.is_relative_to(folder) for folder in self.allowed)


def _kept(sequence: AnnotatedSequence, guard: _Guard, report: Report) -> AnnotatedSequence:
    refused = {
        path
        for frame in _with_files(sequence.frames)
        for path in _paths(frame)
        if not _allows(guard, path)
    }
    if not refused:
        return sequence
    where = str(sequence.annotation_path or sequence.name)
    for path in sorted(refused):
        what = (
            f"expected images in {guard.allowed[0]}, got {str(path)!r}, which leads out of it; if "
            "it may be used, name its folder with --image-folder (image_folders in settings)"
        )
        report(MalformedError("outside-data", where, what))
    return replace(sequence, frames=tuple(_without(frame, refused) for frame in sequence.frames))


def _allows(guard: _Guard, path: Path) -> bool:
    try:
        return guard.allows(path)
    except (OSError, ValueError):
        # No name of a file at all: there is nothing to open either.
        return False


def _with_files(frames: Frames) -> Frames | tuple[AnnotatedFrame, ...]:
    """Frames drawn when they are asked for have no files; asking would draw them all."""
    return frames if isinstance(frames, tuple) else ()


def _paths(frame: AnnotatedFrame) -> list[Path]:
    masks = (*frame.segmentations, *frame.ignore_segmentations)
    paths = [mask.path for mask in masks if isinstance(mask, MaskImage)]
    return paths if frame.image_path is None else [frame.image_path, *paths]


def _without(frame: AnnotatedFrame, refused: set[Path]) -> AnnotatedFrame:
    def is_refused(mask: object) -> bool:
        return isinstance(mask, MaskImage) and mask.path in refused

    return replace(
        frame,
        image_path=None if frame.image_path in refused else frame.image_path,
        segmentations=tuple(None if is_refused(mask) else mask for mask in frame.segmentations),
        ignore_segmentations=tuple(
            None if is_refused(mask) else mask for mask in frame.ignore_segmentations
        ),
    )
