"""The classes of data whose format does not list them, and the same data under another list."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from jaxtyping import Int

from trackformer.data.annotations import AnnotatedData, AnnotatedFrame
from trackformer.errors import DataError

MOST_NAMED: Final = 8
"""Classes in one line."""


def ordered_classes(
    found: Iterable[str], known: Sequence[str], *not_a_class: str
) -> tuple[str, ...]:
    """The names that occur: those of the known list in its order, then the others by alphabet.

    >>> ordered_classes(["Cyclist", "bus", "Car", "mask"], ("Car", "Van", "Cyclist"), "mask")
    ('Car', 'Cyclist', 'bus')
    """
    names = set(found) - set(not_a_class)
    return (*(name for name in known if name in names), *sorted(names - set(known)))


def without_unused(data: AnnotatedData, known: Sequence[str]) -> AnnotatedData:
    """The same data without classes that no object has, unless they are known.

    Exports of Roboflow begin with a category that is the project's name, and of no object.
    """
    unknown = [name for name in data.class_names if name not in known]
    if not unknown:
        return data
    used = {
        data.class_names[label]
        for sequence in data.sequences
        for frame in sequence.frames
        for label in np.unique(frame.labels).tolist()
    }
    kept = tuple(name for name in data.class_names if name in known or name in used)
    if kept == data.class_names:
        return data
    place = np.array([kept.index(name) if name in kept else 0 for name in data.class_names])
    return _with_labels(data, place.astype(np.int64), kept)


def check_objects(data: AnnotatedData, where: str) -> None:
    """Refuse data in which nothing is an object: they teach that nothing is there.

    Raises:
        DataError: There are frames, but no object in any.
    """
    for sequence in data.sequences:
        # Frames drawn when they are asked for have objects; asking would draw them all.
        if not isinstance(sequence.frames, tuple):
            return
        if any(len(frame.boxes_xyxy) for frame in sequence.frames):
            return
    raise DataError(
        f"{where}: expected at least one object, got none in {len(data.sequences)} sequences; "
        f"`trackformer data check {where}` says more"
    )


def with_only_classes(
    data: AnnotatedData, class_names: tuple[str, ...], renamed: Mapping[str, str]
) -> AnnotatedData:
    """The same data with the objects of some classes, their labels counted in `class_names`.

    Args:
        data: With any classes; objects of those that are not in `class_names` are left out.
        class_names: The classes to keep; the data need not have all of them.
        renamed: Classes of the data that count as another: `{"van": "car"}`.

    Raises:
        DataError: The data have none of the classes, or `renamed` names one that is not there.
    """
    for name, other in renamed.items():
        if name not in data.class_names:
            raise DataError(
                f"classes: expected some of {', '.join(data.class_names)} to rename, got {name}"
            )
        if other not in class_names:
            raise DataError(
                f"classes: expected a new name of {', '.join(class_names)}, got {other}"
            )
    if not renamed and set(data.class_names) <= set(class_names):
        return with_classes_of(data, class_names)
    names = [renamed.get(name, name) for name in data.class_names]
    if not set(names) & set(class_names):
        raise DataError(
            f"expected one of the classes {', '.join(class_names)}, got "
            f"{', '.join(data.class_names)}"
        )
    place = np.array([class_names.index(name) if name in class_names else -1 for name in names])
    sequences = tuple(
        replace(sequence, frames=tuple(_moved(frame, place) for frame in sequence.frames))
        for sequence in data.sequences
    )
    return AnnotatedData(sequences, class_names)


def classes_left_out(data: AnnotatedData, asked: Collection[str]) -> list[str]:
    """What is said of the classes of data that are not asked for; of drawn scenes, nothing.

    Roboflow writes its project as a class that no object has; objects of others become background.
    """
    if not all(isinstance(sequence.frames, tuple) for sequence in data.sequences):
        return []
    counts = np.zeros(len(data.class_names), dtype=np.int64)
    for sequence in data.sequences:
        for frame in sequence.frames:
            counts += np.bincount(frame.labels, minlength=len(counts))
    others = {
        name: count
        for name, count in zip(data.class_names, counts.tolist(), strict=True)
        if name not in asked
    }
    present = [name for name, count in others.items() if count]
    absent = [name for name, count in others.items() if not count]
    notes = []
    if present:
        total = sum(others.values())
        notes.append(f"{total} objects of {_listed(present)} are not trained, but background")
    if absent:
        notes.append(f"passed over, since no object has it: {_listed(absent)}")
    return notes


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} others" if len(names) > MOST_NAMED else ""
    return f"class {', '.join(names[:MOST_NAMED])}{more}"


def _moved(frame: AnnotatedFrame, place: Int[np.ndarray, " K"]) -> AnnotatedFrame:
    kept = frame.only(place[frame.labels] >= 0)
    return replace(kept, labels=place[kept.labels])


def with_classes_of(data: AnnotatedData, class_names: tuple[str, ...]) -> AnnotatedData:
    """The same objects, their labels counted in another list that has all their classes.

    Raises:
        DataError: The data have a class that the list lacks.
    """
    if data.class_names == class_names:
        return data
    unknown = [name for name in data.class_names if name not in class_names]
    if unknown:
        raise DataError(
            f"expected classes among {', '.join(class_names)}, got {', '.join(unknown)}"
        )
    place = np.array([class_names.index(name) for name in data.class_names], dtype=np.int64)
    return _with_labels(data, place, class_names)


def _with_labels(
    data: AnnotatedData, place: Int[np.ndarray, " K"], class_names: tuple[str, ...]
) -> AnnotatedData:
    sequences = tuple(
        replace(
            sequence,
            frames=tuple(replace(frame, labels=place[frame.labels]) for frame in sequence.frames),
        )
        for sequence in data.sequences
    )
    return AnnotatedData(sequences, class_names)
