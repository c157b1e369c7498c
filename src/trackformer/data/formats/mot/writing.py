"""How data become MOTChallenge folders: `NAME/gt/gt.txt`, `NAME/seqinfo.ini` and `NAME/img1`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from trackformer.data.annotations import AnnotatedData, AnnotatedFrame, AnnotatedSequence
from trackformer.data.formats.mot.classes import (
    CLASS_NAMES,
    CROWD,
    DISTRACTORS,
    OCCLUDER,
    PEDESTRIAN,
)
from trackformer.data.formats.parts.image_folders import size_of_first
from trackformer.data.formats.parts.writing import image_suffix, number, plain_name

DISTRACTOR = DISTRACTORS[2]


def write_mot(data: AnnotatedData, folder: Path) -> None:
    """Write a folder for each sequence; still images become videos of one frame.

    Data with other classes than `person`, or whose ignore regions forgive what lies inside, get
    `gt/labels.txt`, and class numbers that count its lines.
    """
    for sequence in data.sequences:
        has_names = needs_class_names(data)
        place = folder / plain_name(sequence)
        (place / "gt").mkdir(parents=True)
        text = "".join(_lines(sequence, has_names=has_names))
        (place / "gt" / "gt.txt").write_text(text, encoding="utf-8")
        if has_names:
            names = "".join(f"{name}\n" for name in data.class_names)
            (place / "gt" / "labels.txt").write_text(names, encoding="utf-8")
        (place / "seqinfo.ini").write_text(_seqinfo(sequence), encoding="utf-8")


def needs_class_names(data: AnnotatedData) -> bool:
    """Whether MOTChallenge's own classes cannot say what the data say."""
    forgiving = any(
        sequence.forgives_ignored and any(len(frame.ignore_boxes_xyxy) for frame in sequence.frames)
        for sequence in data.sequences
    )
    return data.class_names != CLASS_NAMES or forgiving


def mot_image_place(sequence: AnnotatedSequence, frame: AnnotatedFrame) -> str:
    """`NAME/img1/000013.jpg`, counted from 1."""
    return f"{plain_name(sequence)}/img1/{frame.frame_index + 1:06d}{image_suffix(frame)}"


def _seqinfo(sequence: AnnotatedSequence) -> str:
    lines = ["[Sequence]", f"name={plain_name(sequence)}", "imDir=img1"]
    if sequence.frame_rate is not None:
        lines.append(f"frameRate={number(sequence.frame_rate)}")
    lines.append(f"seqLength={len(sequence.frames)}")
    size = sequence.image_size or size_of_first(frame.image_path for frame in sequence.frames)
    if size is not None:
        lines += [f"imWidth={size[1]}", f"imHeight={size[0]}"]
    suffix = image_suffix(sequence.frames[0]) if sequence.frames else ".jpg"
    return "\n".join([*lines, f"imExt={suffix}", ""])


def _lines(sequence: AnnotatedSequence, *, has_names: bool) -> Iterator[str]:
    """The rows of the ground truth, frame by frame: objects, then ignore regions, then others.

    What is no object has ids of its own too: evaluation refuses an id twice in a frame.
    """
    next_id = 1 + max((int(frame.track_ids.max(initial=0)) for frame in sequence.frames), default=0)
    for frame in sequence.frames:
        for row, box in enumerate(frame.boxes_xyxy.tolist()):
            kind = int(frame.labels[row]) + 1 if has_names else PEDESTRIAN
            visibility = number(float(frame.visibility[row]))
            yield _line(frame, int(frame.track_ids[row]), box, f"1,{kind},{visibility}")
        for box, is_distractor in zip(
            frame.ignore_boxes_xyxy.tolist(), frame.ignore_is_distractor, strict=True
        ):
            ignored = DISTRACTOR if is_distractor else CROWD
            yield _line(frame, next_id, box, f"0,{1 if has_names else ignored},1")
            next_id += 1
        for box in [] if has_names else frame.other_boxes_xyxy.tolist():
            yield _line(frame, next_id, box, f"0,{OCCLUDER},1")
            next_id += 1


def _line(frame: AnnotatedFrame, track_id: int, box: list[float], end: str) -> str:
    left, top, right, bottom = box
    numbers = (left + 1, top + 1, right - left, bottom - top)
    return f"{frame.frame_index + 1},{track_id},{','.join(map(number, numbers))},{end}\n"
