"""How CrowdHuman's odgt files are read and written: one json object for each image in a line.

A person has the box of the whole body, which may reach beyond the image, and that of the part one
sees. The format knows neither videos nor identities.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from trackformer.data.annotations import AnnotatedData, AnnotatedFrame, AnnotatedSequence
from trackformer.data.formats.limits.numbers import finite, shown
from trackformer.data.formats.parts.assembly import Corners, Entry, Kind, assemble_frames
from trackformer.data.formats.parts.class_lists import ordered_classes
from trackformer.data.formats.parts.image_folders import folder_with, image_named
from trackformer.data.formats.parts.malformed import MalformedError, Report, refuse
from trackformer.data.formats.parts.text_files import read_text
from trackformer.data.formats.parts.writing import image_suffix, still_or_frame_name
from trackformer.errors import DataError
from trackformer.image_files import image_size

FILE_NAME, IMAGES = "annotation.odgt", "Images"
IGNORED = "mask"
"""The tag of regions with people nobody separated."""


def read_crowdhuman(path: Path, report: Report = refuse) -> AnnotatedData:
    """Read an odgt file, or the only one of a folder.

    Boxes are those of whole bodies; visibility is the share of the box that is the visible one.

    Raises:
        DataError: There is no such file.
    """
    file = odgt_file(path)
    if file is None:
        raise DataError(f"{path}: expected an .odgt file")
    lines = list(_read_lines(file, report))
    tags = (box["tag"] for _, content in lines for box in content["gtboxes"])
    class_names = ordered_classes(tags, ("person",), IGNORED) or ("person",)
    first = f"{lines[0][1]['ID']}.jpg" if lines else None
    folder = folder_with(
        first,
        (file.parent / IMAGES, file.parent / "images", file.parent.parent / IMAGES, file.parent),
    )
    stills = (_read_still(where, line, folder, class_names, report) for where, line in lines)
    return AnnotatedData(tuple(stills), class_names)


def odgt_file(path: Path) -> Path | None:
    """The odgt file that a path means: itself, or the only one in the folder."""
    if path.is_dir():
        files = sorted(path.glob("*.odgt"))
        return files[0] if len(files) == 1 else None
    return path if path.suffix == ".odgt" else None


def write_crowdhuman(data: AnnotatedData, folder: Path) -> None:
    """Write `annotation.odgt`."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / FILE_NAME).open("w", encoding="utf-8") as file:
        for sequence in data.sequences:
            for frame in sequence.frames:
                name = still_or_frame_name(sequence, frame)
                content = {"ID": name, "gtboxes": list(_boxes(frame, data.class_names))}
                file.write(json.dumps(content) + "\n")


def crowdhuman_image_place(sequence: AnnotatedSequence, frame: AnnotatedFrame) -> str:
    """`Images/NAME.jpg`, or `Images/NAME_000012.jpg` for a frame of a video."""
    return f"{IMAGES}/{still_or_frame_name(sequence, frame)}{image_suffix(frame)}"


def _boxes(frame: AnnotatedFrame, class_names: tuple[str, ...]) -> Iterator[Mapping[str, Any]]:
    visible = frame.visible_boxes_xyxy if len(frame.visible_boxes_xyxy) else frame.boxes_xyxy
    for row, box in enumerate(frame.boxes_xyxy):
        yield {
            "tag": class_names[frame.labels[row]],
            "fbox": _xywh(box.tolist()),
            "vbox": _xywh(visible[row].tolist()),
            "extra": {"box_id": row, "ignore": 0},
        }
    for box in frame.ignore_boxes_xyxy:
        yield {
            "tag": IGNORED,
            "fbox": _xywh(box.tolist()),
            "vbox": _xywh(box.tolist()),
            "extra": {"ignore": 1},
        }


def _xywh(corners: Sequence[float]) -> list[float]:
    left, top, right, bottom = corners
    return [left, top, right - left, bottom - top]


def _read_lines(path: Path, report: Report) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Place and content of each line that is an image with boxes."""
    for line_number, line in enumerate(read_text(path, "a text file").splitlines(), start=1):
        where = f"{path}:{line_number}"
        if not line.strip():
            continue
        try:
            content = json.loads(line)
            is_good = isinstance(content["ID"], str) and all(
                isinstance(box["tag"], str) for box in content["gtboxes"]
            )
        except (ValueError, KeyError, TypeError, RecursionError):
            is_good = False
        if is_good:
            yield where, content
        else:
            what = "expected a json object with ID and gtboxes, each with a tag"
            report(MalformedError("malformed", where, what))


def _read_still(
    where: str,
    content: Mapping[str, Any],
    folder: Path,
    class_names: tuple[str, ...],
    report: Report,
) -> AnnotatedSequence:
    name = content["ID"]
    image = image_named(folder, name)
    if image is None:
        what = f"expected the image {folder / name}.jpg, got none"
        report(MalformedError("missing-image", where, what))
    entries = []
    for place, box in enumerate(content["gtboxes"], start=1):
        try:
            entries.append(_entry(box, place, where, class_names))
        except (KeyError, TypeError, ValueError, AttributeError):
            what = f"expected fbox and vbox of 4 numbers in box {place}, got {shown(box)}"
            report(MalformedError("malformed", where, what))
    return AnnotatedSequence(
        name=name,
        frames=assemble_frames(entries, (image,), report),
        image_size=None if image is None else image_size(image),
        frame_rate=None,
        is_video=False,
        forgives_ignored=True,
        annotation_path=Path(where.rpartition(":")[0]),
        image_root=folder,
    )


def _entry(box: Mapping[str, Any], place: int, where: str, class_names: tuple[str, ...]) -> Entry:
    whole, visible = _corners(box["fbox"]), _corners(box.get("vbox", box["fbox"]))
    is_ignored = box["tag"] == IGNORED or bool(box.get("extra", {}).get("ignore", 0))
    return Entry(
        where=f"{where}: box {place}",
        frame_index=0,
        box_xyxy=whole,
        kind=Kind.IGNORED if is_ignored else Kind.OBJECT,
        label=0 if is_ignored else class_names.index(box["tag"]),
        track_id=place,
        visibility=min(1.0, _area(visible) / max(_area(whole), 1e-9)),
        visible_box_xyxy=visible,
    )


def _corners(box_xywh: Sequence[float | int]) -> Corners:
    left, top, width, height = (finite(value, "a number") for value in box_xywh)
    return left, top, left + width, top + height


def _area(box: Corners) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])
