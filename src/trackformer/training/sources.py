"""The data of a run, counted in the classes to train, and what is to be said of the others."""

from __future__ import annotations

import numpy as np

from trackformer.data.annotations import AnnotatedData
from trackformer.data.formats.parts.class_lists import (
    check_objects,
    classes_left_out,
    with_only_classes,
)
from trackformer.data.read import read_source
from trackformer.errors import ConfigError, DataError
from trackformer.training.settings import TrainingSettings


def read_sources(
    settings: TrainingSettings,
) -> tuple[list[tuple[AnnotatedData, float]], list[str]]:
    """The training data with their weights, all labels counted in the classes to train.

    Beside them, in words, the classes that are passed over, or stay unlearned.

    Raises:
        ConfigError: Data have no class that is to be trained.
        DataError: Data cannot be read, or have no object.
    """
    sources, notes = [], []
    for source in settings.sources:
        data, name = read_source(source), str(source.path or "synthetic scenes")
        check_objects(data, name)
        try:
            chosen = with_only_classes(data, settings.class_names, source.classes)
        except DataError as error:
            raise ConfigError(f"{name}: {error}") from error
        check_objects(chosen, name)
        sources.append((chosen, source.weight))
        asked = {*settings.class_names, *source.classes}
        notes += [f"{name}: {note}" for note in classes_left_out(data, asked)]
    notes += [
        f"no source has an object of class {name}; it stays unlearned"
        for name in _empty_classes(sources, settings.class_names)
    ]
    return sources, notes


def _empty_classes(
    sources: list[tuple[AnnotatedData, float]], class_names: tuple[str, ...]
) -> list[str]:
    """The classes to train of which no source has an object; scenes drawn on demand are not."""
    counts = np.zeros(len(class_names), dtype=np.int64)
    for data, _ in sources:
        for sequence in data.sequences:
            if not isinstance(sequence.frames, tuple):
                return []
            for frame in sequence.frames:
                counts += np.bincount(frame.labels, minlength=len(class_names))
    return [name for name, count in zip(class_names, counts, strict=True) if count == 0]
