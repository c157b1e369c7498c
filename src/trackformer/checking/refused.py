"""What the reader could not use, as findings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from trackformer.checking.records import Finding, Inspected, Place
from trackformer.data.formats.parts.malformed import MalformedError, Mistake

REMEDIES: Mapping[Mistake, tuple[str, str]] = {
    "malformed": ("lines or entries cannot be understood", "correct or remove them"),
    "shared-id": (
        "boxes have an id that another box of their frame has",
        "give each object of a frame an id of its own",
    ),
    "no-area": ("boxes have no width or no height", "remove them, or correct their corners"),
    "unknown-class": (
        "boxes have a class the data do not declare",
        "correct the class, or add its name; if the number is one too high or 0, "
        "numbers may begin at another end than the format's",
    ),
    "considered-class": (
        "rows are considered, yet of a class that MOTChallenge never makes an object",
        "if they are objects, name the classes in gt/labels.txt, one a line, the first for class 1",
    ),
    "outside-data": (
        "images lie elsewhere than the data",
        "put them there, or name their folder (--image-folder)",
    ),
    "beyond-end": (
        "boxes lie in frames after the last",
        "remove them, add the missing frames, or correct the declared length",
    ),
    "missing-image": (
        "image files are missing or not as many as declared",
        "add the files, or remove what is said of them",
    ),
    "size": ("images of one video have different sizes", "scale them to one size"),
}
"""What each mistake means, and what to do."""


def check_malformed(inspected: Inspected) -> Iterator[Finding]:
    """One finding for each kind of mistake."""
    found: dict[Mistake, list[MalformedError]] = defaultdict(list)
    for error in inspected.mistakes:
        found[error.mistake].append(error)
    for mistake, errors in found.items():
        meaning, remedy = REMEDIES[mistake]
        yield Finding(
            check=mistake,
            severity="error",
            what=f"{len(errors)} {meaning}",
            remedy=remedy,
            places=tuple(Place(f"{error.where}: {error.what}") for error in errors),
        )
