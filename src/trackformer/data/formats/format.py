"""What is known of one annotation format: a row of the table in `known`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from trackformer.data.annotations import AnnotatedData, AnnotatedFrame, AnnotatedSequence
from trackformer.data.formats.parts.malformed import Report
from trackformer.data.formats.parts.traits import Trait


@dataclass(frozen=True, slots=True)
class Format:
    """One way to store annotations."""

    looks_for: str
    """What makes a path one of this format, for people."""
    recognises: Callable[[Path], bool]
    read: Callable[[Path, Report], AnnotatedData]
    write: Callable[[AnnotatedData, Path], None]
    """All but the images, into a folder that has nothing yet."""
    image_place: Callable[[AnnotatedSequence, AnnotatedFrame], str]
    """Where the image of a frame goes, counted from that folder."""
    holds: frozenset[Trait]
    remarks: Mapping[Trait, str] = field(default_factory=dict)
    """How a trait is held that is not held as it is."""
    has_images: bool = True
    """Images of the frames lie in the folder, too."""
    write_sparsely: Callable[[AnnotatedData, Path, float], None] | None = None
    """`write` with only as many boxes as keep the others, moved evenly between these, at an IoU."""
    also_loses: Callable[[AnnotatedData], frozenset[Trait]] = lambda _: frozenset()
    """What it can hold, but not together with other things in these data."""
