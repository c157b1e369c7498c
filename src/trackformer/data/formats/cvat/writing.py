"""How data become XML that CVAT imports: "CVAT for video 1.1", one folder for each sequence."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from xml.etree import ElementTree

from trackformer.data.annotations import AnnotatedData, AnnotatedFrame, AnnotatedSequence
from trackformer.data.formats.cvat.reading import FILE_NAME, IGNORE_LABEL, IMAGES
from trackformer.data.formats.parts.key_frames import stretches_of
from trackformer.data.formats.parts.writing import image_suffix, number, plain_name, required_size


def write_cvat(data: AnnotatedData, folder: Path) -> None:
    """Write `NAME/annotations.xml` for each sequence, every box a key frame.

    An ignore region becomes a track of its own, one frame long, of the label `ignore`.
    """
    write_cvat_sparsely(data, folder, least_iou=1.0)


def write_cvat_sparsely(data: AnnotatedData, folder: Path, least_iou: float) -> None:
    """The same with as few key frames as keep all other boxes at an IoU of `least_iou`."""
    for sequence in data.sequences:
        root = ElementTree.Element("annotations")
        ElementTree.SubElement(root, "version").text = "1.1"
        _add_head(root, sequence, data.class_names)
        _add_tracks(root, sequence, data.class_names, least_iou)
        ElementTree.indent(root)
        path = folder / plain_name(sequence) / FILE_NAME
        path.parent.mkdir(parents=True)
        ElementTree.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def cvat_image_place(sequence: AnnotatedSequence, frame: AnnotatedFrame) -> str:
    """`NAME/images/frame_000012.jpg`, as CVAT names the images of its exports."""
    name = f"frame_{frame.frame_index:06d}{image_suffix(frame)}"
    return f"{plain_name(sequence)}/{IMAGES}/{name}"


def _add_head(
    root: ElementTree.Element, sequence: AnnotatedSequence, class_names: tuple[str, ...]
) -> None:
    task = ElementTree.SubElement(ElementTree.SubElement(root, "meta"), "task")
    height, width = required_size(sequence)
    last = len(sequence.frames) - 1
    texts = {
        "name": sequence.name,
        "size": str(len(sequence.frames)),
        "mode": "interpolation",
        "start_frame": "0",
        "stop_frame": str(last),
    }
    for name, text in texts.items():
        ElementTree.SubElement(task, name).text = text
    labels = ElementTree.SubElement(task, "labels")
    has_ignored = any(len(frame.ignore_boxes_xyxy) for frame in sequence.frames)
    for name in (*class_names, *((IGNORE_LABEL,) if has_ignored else ())):
        label = ElementTree.SubElement(labels, "label")
        ElementTree.SubElement(label, "name").text = name
    size = ElementTree.SubElement(task, "original_size")
    ElementTree.SubElement(size, "width").text = str(width)
    ElementTree.SubElement(size, "height").text = str(height)


def _add_tracks(
    root: ElementTree.Element,
    sequence: AnnotatedSequence,
    class_names: tuple[str, ...],
    least_iou: float,
) -> None:
    # CVAT's track has one label: an object whose class changes becomes two tracks of one id.
    next_id = 0
    grouped = groupby(stretches_of(sequence), key=lambda each: (each.track_id, each.label))
    for (track_id, label), stretches in grouped:
        next_id = max(next_id, track_id + 1)
        track = _add_track(root, track_id, class_names[label], _source(sequence))
        for stretch in stretches:
            for frame, row in stretch.key_places(least_iou):
                visibility = float(frame.visibility[row])
                box = _add_box(track, frame.frame_index, frame.boxes_xyxy[row].tolist(), visibility)
                if visibility < 1:
                    attribute = ElementTree.SubElement(box, "attribute", name="visibility")
                    attribute.text = number(visibility)
            _end(track, box, frame.frame_index + 1, len(sequence.frames))
    _add_regions(root, sequence, next_id)


def _add_regions(root: ElementTree.Element, sequence: AnnotatedSequence, next_id: int) -> None:
    for frame in sequence.frames:
        for region in frame.ignore_boxes_xyxy.tolist():
            track = _add_track(root, next_id, IGNORE_LABEL, _source(sequence))
            box = _add_box(track, frame.frame_index, region, 1.0)
            _end(track, box, frame.frame_index + 1, len(sequence.frames))
            next_id += 1


def _source(sequence: AnnotatedSequence) -> str:
    """In CVAT's words, who made the boxes: a tracker, whose have scores, or a person."""
    return "auto" if any(len(frame.scores) for frame in sequence.frames) else "manual"


def _add_track(
    root: ElementTree.Element, track_id: int, label: str, source: str
) -> ElementTree.Element:
    return ElementTree.SubElement(root, "track", id=str(track_id), label=label, source=source)


def _add_box(
    track: ElementTree.Element, frame_index: int, box: list[float], visibility: float
) -> ElementTree.Element:
    corners = dict(zip(("xtl", "ytl", "xbr", "ybr"), map(number, box), strict=True))
    occluded = str(int(visibility < 1))
    flags = {"outside": "0", "occluded": occluded, "keyframe": "1"}
    attributes = {"frame": str(frame_index), **flags, **corners, "z_order": "0"}
    return ElementTree.SubElement(track, "box", attributes)


def _end(
    track: ElementTree.Element, last: ElementTree.Element, frame_index: int, num_frames: int
) -> None:
    """Say that the object is gone: CVAT would otherwise keep it where it was last seen."""
    if frame_index < num_frames:
        gone = {**last.attrib, "frame": str(frame_index), "outside": "1"}
        ElementTree.SubElement(track, "box", gone)
