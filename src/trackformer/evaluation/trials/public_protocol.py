"""MOTChallenge's protocol of public detections over whole data sets."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from trackformer.data.annotations import AnnotatedData, AnnotatedSequence
from trackformer.errors import ConfigError, DataError
from trackformer.tracking.lifecycle.public_detections import (
    PublicDetections,
    read_public_detections,
)

BESIDE_IMAGES: Final = Path("det", "det.txt")
"""Where MOTChallenge keeps a sequence's detections, in its folder."""


def public_detections_of(
    data: AnnotatedData, given: Path | None = None
) -> dict[str, PublicDetections]:
    """The detections of every sequence, by its name.

    Args:
        data: Sequences with images.
        given: The file of a single sequence; by default each one's own `det/det.txt`.

    Raises:
        ConfigError: One file is given for several sequences.
        DataError: A sequence has no such file, or it is malformed.
    """
    if given is not None and len(data.sequences) > 1:
        raise ConfigError(
            f"{given}: expected one sequence for one file of detections, got "
            f"{len(data.sequences)}; without a file, each sequence's own {BESIDE_IMAGES} is read"
        )
    return {
        sequence.name: read_public_detections(given or _own_file(sequence))
        for sequence in data.sequences
    }


def _own_file(sequence: AnnotatedSequence) -> Path:
    first = sequence.frames[0].image_path if sequence.frames else None
    if first is None:
        raise DataError(f"{sequence.name}: expected images, beside which its {BESIDE_IMAGES} lies")
    return first.parents[1] / BESIDE_IMAGES
