"""Small annotated data of all kinds, and the parts of them that a format keeps."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from hypothesis import strategies as st

from trackformer.data.annotations import AnnotatedData, AnnotatedFrame, AnnotatedSequence
from trackformer.data.formats.parts.assembly import Corners, Entry, Kind, assemble_frame
from trackformer.data.formats.parts.writing import plain_name

SIZE = (48, 64)
"""(height, width) of every image."""
CLASSES = ("person", "car", "big dog")

boxes = st.tuples(
    st.integers(-20, 120), st.integers(-20, 90), st.integers(1, 60), st.integers(1, 60)
).map(lambda box: (box[0] / 2, box[1] / 2, (box[0] + box[2]) / 2, (box[1] + box[3]) / 2))


# Plain values, from which records are made afterwards: the tests' type checks draw at random, and
# strategies may not.
Plan: TypeAlias = tuple[int, dict[str, tuple[bool, float | None, list[list[dict[str, Any]]]]]]
"""Number of classes, and for each sequence: is a video, frame rate, boxes of each frame."""
objects = st.fixed_dictionaries(
    {
        "box_xyxy": boxes,
        "label": st.integers(0, len(CLASSES) - 1),
        "track_id": st.integers(0, 40),
        "visibility": st.sampled_from((1.0, 0.6, 0.2)),
        "kind": st.just(Kind.OBJECT),
    }
)
regions = st.fixed_dictionaries({"box_xyxy": boxes, "kind": st.just(Kind.IGNORED)})
frames = st.builds(
    lambda first, second: first + second,
    st.lists(objects, max_size=3, unique_by=lambda entry: entry["track_id"]),
    st.lists(regions, max_size=2),
)
videos = st.tuples(
    st.just(True),
    st.sampled_from((None, 12.5, 30.0)),
    st.lists(frames, min_size=1, max_size=3),
)
stills = st.tuples(st.just(False), st.none(), st.lists(frames, min_size=1, max_size=1))
names = st.sampled_from(("A", "b-2", "0007"))
plans: st.SearchStrategy[Plan] = st.tuples(
    st.integers(1, len(CLASSES)),
    st.dictionaries(names, st.one_of(videos, stills), min_size=1, max_size=2),
)


def data_of(plan: Plan, image: Path) -> AnnotatedData:
    """The data of a plan, every frame with the same image."""
    num_classes, planned = plan
    sequences = []
    for name, (is_video, rate, contents) in planned.items():
        made = []
        for index, content in enumerate(contents):
            labelled = [entry | {"label": entry.get("label", 0) % num_classes} for entry in content]
            entries = [Entry(where="", frame_index=index, **entry) for entry in labelled]
            made.append(assemble_frame(index, image, entries))
        sequences.append(
            AnnotatedSequence(
                name, tuple(made), SIZE, rate, is_video=is_video, forgives_ignored=True
            )
        )
    return AnnotatedData(tuple(sequences), CLASSES[:num_classes])


def kept(
    data: AnnotatedData, traits: Collection[str], with_ids: Collection[str]
) -> dict[str, tuple[float | None, list[object]]]:
    """What a format with these traits keeps, in a form that can be compared.

    `with_ids` names the sequences whose ids mean something.
    """
    sequences: dict[str, tuple[float | None, list[object]]] = {}
    for sequence in data.sequences:
        rate = sequence.frame_rate if "frame rate" in traits else None
        has_ids = "track ids" in traits and plain_name(sequence) in with_ids
        found = [_kept_frame(frame, data, traits, has_ids=has_ids) for frame in sequence.frames]
        if "videos" in traits:
            sequences[plain_name(sequence)] = (rate, found)
            continue
        for frame, content in zip(sequence.frames, found, strict=True):
            number = f"_{frame.frame_index:06d}" if sequence.is_video else ""
            sequences[plain_name(sequence) + number] = (rate, [content])
    return sequences


def _kept_frame(
    frame: AnnotatedFrame, data: AnnotatedData, traits: Collection[str], *, has_ids: bool
) -> object:
    blank = " " if "spaces in class names" in traits else "_"
    objects = []
    for row, box in enumerate(frame.boxes_xyxy.tolist()):
        corners = _kept_box(box, traits)
        if corners is not None:
            objects.append(
                (
                    int(frame.track_ids[row]) if has_ids else 0,
                    data.class_names[frame.labels[row]].replace(" ", blank),
                    corners,
                    float(frame.visibility[row]) if "visibility" in traits else 1.0,
                )
            )
    regions = [_rounded(box) for box in frame.ignore_boxes_xyxy.tolist()]
    return sorted(objects), sorted(regions) if "ignore regions" in traits else []


def _kept_box(box: Corners, traits: Collection[str]) -> Corners | None:
    if "boxes beyond the image" not in traits:
        limits = np.array([SIZE[1], SIZE[0]] * 2)
        box = tuple(np.clip(box, 0, limits).tolist())
    return _rounded(box) if box[2] > box[0] and box[3] > box[1] else None


def _rounded(box: Corners) -> Corners:
    left, top, right, bottom = (round(value, 4) + 0.0 for value in box)
    return left, top, right, bottom
