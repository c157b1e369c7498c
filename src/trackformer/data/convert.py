"""Annotated data written in another format, with their images."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

import yaml

from trackformer.atomic_files import clear_leftovers, partial_path
from trackformer.data.annotations import AnnotatedData
from trackformer.data.formats.format import Format
from trackformer.data.formats.known import FORMATS
from trackformer.data.formats.names import FormatName
from trackformer.data.formats.parts.traits import traits_of
from trackformer.data.read import read_annotations, recognised_format
from trackformer.errors import DataError
from trackformer.image_files import image_size

ImageMode: TypeAlias = Literal["link", "copy", "none"]
TRACKS_KEY_FRAME_IOU: Final = 0.9
RECORD_NAME = "conversion.yaml"
"""Marks a folder as one that a conversion made, and so may replace."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """What was written."""

    num_sequences: int
    num_frames: int
    num_boxes: int
    not_held: tuple[str, ...]
    """What the data say and the format has no room for."""


def convert_annotations(  # noqa: PLR0913 - each is a choice of its own, and most have a default
    source: Path,
    destination: Path,
    to: FormatName,
    *,
    source_format: FormatName | None = None,
    image_folders: Sequence[Path] = (),
    images: ImageMode = "link",
    key_frame_iou: float | None = None,
    change: Callable[[AnnotatedData], AnnotatedData] | None = None,
    overwrite: bool = False,
) -> Conversion:
    """Read any known format, change it if asked to, and write a folder of another.

    Tracks become as few key frames as keep an IoU of 0.9, unless `key_frame_iou` says otherwise: so
    that a person corrects them, and does not draw them again.

    Raises:
        DataError: See `read_annotations` and `write_annotations`.
    """
    check_destination(destination, overwrite=overwrite)
    if source.resolve().is_relative_to(destination.resolve()):
        raise DataError(f"{destination}: expected a folder that does not hold the source {source}")
    source_format = source_format or recognised_format(source)
    data = read_annotations(source, source_format, image_folders=image_folders)
    if change is not None:
        data = change(data)
    if key_frame_iou is None and source_format == "tracks":
        key_frame_iou = TRACKS_KEY_FRAME_IOU
    return write_annotations(
        data, destination, to, images=images, key_frame_iou=key_frame_iou, overwrite=overwrite
    )


def write_annotations(
    data: AnnotatedData,
    destination: Path,
    to: FormatName,
    *,
    images: ImageMode = "link",
    key_frame_iou: float | None = None,
    overwrite: bool = False,
) -> Conversion:
    """Write a folder, complete or not at all.

    Args:
        data: What to write.
        destination: The folder.
        to: Its format.
        images: link: the same files under a second name (a hard link), copied where the two places
            are on different disks; copy; none: annotations only.
        key_frame_iou: Formats whose boxes move evenly between key frames get as few of them as keep
            all boxes at this IoU, (0, 1]; None: every box is one.
        overwrite: Replace a folder that an earlier conversion made.

    Raises:
        DataError: The folder exists, two images would get one name, the format needs image sizes
            that nobody knows, or a file cannot be written.
    """
    check_destination(destination, overwrite=overwrite)
    known = FORMATS[to]
    clear_leftovers(destination)
    partial = partial_path(destination)
    try:
        partial.mkdir(parents=True)
        if known.write_sparsely is None or key_frame_iou is None:
            known.write(data, partial)
        else:
            known.write_sparsely(data, partial, key_frame_iou)
        for image, place in _image_places(data, known):
            if image is not None and images != "none" and known.has_images:
                _place_image(image, partial / place, images)
        conversion = _described(data, known)
        _write_record(partial / RECORD_NAME, to, conversion)
        _take_place(partial, destination)
    except OSError as error:
        reason = error.strerror or str(error)
        raise DataError(f"{error.filename or destination}: cannot be written: {reason}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return conversion


def check_destination(destination: Path, *, overwrite: bool) -> None:
    """Fail before long work rather than after.

    Raises:
        DataError: The folder exists, and is not to be replaced or no conversion's.
    """
    if not destination.exists():
        return
    if not overwrite:
        raise DataError(f"{destination}: exists; give another name, or overwrite it (--overwrite)")
    if not (destination / RECORD_NAME).is_file():
        raise DataError(
            f"{destination}: expected a folder that an earlier conversion made, with "
            f"{RECORD_NAME}; only such a folder is overwritten"
        )


def _image_places(data: AnnotatedData, known: Format) -> Iterator[tuple[Path | None, str]]:
    """Image and place of every frame; refuses two frames in one place."""
    taken: dict[str, str] = {}
    for sequence in data.sequences:
        for frame in sequence.frames:
            place = known.image_place(sequence, frame)
            # What belongs to an image is named after it, whatever its suffix.
            other = taken.setdefault(place.rpartition(".")[0], sequence.name)
            if other != sequence.name:
                raise DataError(f"{sequence.name}: expected a name unlike that of {other}: {place}")
            yield frame.image_path, place


def _place_image(image: Path, place: Path, images: ImageMode) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    # By its content: whatever a name ends in, nothing but pictures goes along.
    if image_size(image) is None:
        raise DataError(f"{image}: expected an image to copy, got a file that is none")
    if images == "link":
        try:
            # The file itself, so that a link of the source does not tie us to its place.
            place.hardlink_to(image.resolve())
        except OSError:
            shutil.copyfile(image, place)
    else:
        shutil.copyfile(image, place)


def _described(data: AnnotatedData, known: Format) -> Conversion:
    frames = [frame for sequence in data.sequences for frame in sequence.frames]
    traits = traits_of(data)
    lost = (traits - known.holds) | (traits & known.also_loses(data))
    return Conversion(
        num_sequences=len(data.sequences),
        num_frames=len(frames),
        num_boxes=sum(len(frame.boxes_xyxy) for frame in frames),
        not_held=tuple(
            f"{trait} ({known.remarks[trait]})" if trait in known.remarks else trait
            for trait in sorted(lost)
        ),
    )


def _write_record(path: Path, to: FormatName, conversion: Conversion) -> None:
    content = {
        "format": to,
        "sequences": conversion.num_sequences,
        "frames": conversion.num_frames,
        "boxes": conversion.num_boxes,
        "not_held": list(conversion.not_held),
    }
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


def _take_place(partial: Path, destination: Path) -> None:
    """Put a finished folder where an older one may be."""
    old = destination.with_name(f"{partial.name}.old")
    if destination.exists():
        destination.rename(old)
    partial.rename(destination)
    shutil.rmtree(old, ignore_errors=True)
