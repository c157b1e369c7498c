"""The classes of data whose format does not list them, and the same data under another list."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from trackformer.data.annotations import AnnotatedData
from trackformer.errors import DataError


def ordered_classes(
    found: Iterable[str], known: Sequence[str], *not_a_class: str
) -> tuple[str, ...]:
    """The names that occur: those of the known list in its order, then the others by alphabet.

    >>> ordered_classes(["Cyclist", "bus", "Car", "mask"], ("Car", "Van", "Cyclist"), "mask")
    ('Car', 'Cyclist', 'bus')
    """
    names = set(found) - set(not_a_class)
    return (*(name for name in known if name in names), *sorted(names - set(known)))


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
    sequences = tuple(
        replace(
            sequence,
            frames=tuple(replace(frame, labels=place[frame.labels]) for frame in sequence.frames),
        )
        for sequence in data.sequences
    )
    return AnnotatedData(sequences, class_names)
