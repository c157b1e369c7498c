"""Checks of pictures that look alike: repeated images, and training frames among the validation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from trackformer.checking.images import THUMBNAIL_SIDE
from trackformer.checking.records import Finding, ImageFacts, Inspected, Place, frame_place
from trackformer.data.annotations import AnnotatedFrame, AnnotatedSequence

SAME_BITS, SAME_RMS, SAME_LEVELS = 4, 2.0, 14
"""One picture, scaled or compressed again: so many of 64 signs differ at most, and thumbnails by so
many grey levels in the root mean square and at most. Measured on MOT17-09, TUD-Campus and MOT20-01:
copies at half to one and a half the size and JPEG quality 60 differ by 11 levels at most, frames
that follow each other (MOT17-11) by 20 at least."""
ALIKE_BITS = 12
"""One scene: so many of 64 signs differ at most."""
SCENE_SHARE = 0.5
"""A validation video most of whose frames have one alike in a training video shows its scene."""
BLOCK = 1024


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """The readable images of some data, in order."""

    frames: tuple[tuple[AnnotatedSequence, AnnotatedFrame], ...]
    fingerprints: Float[np.ndarray, "images 64"]
    thumbnails: Float[np.ndarray, "images pixels"]

    def place(self, row: int) -> Place:
        """Where an image is."""
        return frame_place(*self.frames[row])


def pictures(inspected: Inspected) -> Pictures:
    """The readable images of the data."""
    found: list[tuple[tuple[AnnotatedSequence, AnnotatedFrame], ImageFacts]] = []
    for sequence in inspected.data.sequences:
        for frame in sequence.frames:
            facts = inspected.images.get(frame.image_path) if frame.image_path else None
            if facts is not None and facts.size is not None:
                found.append(((sequence, frame), facts))
    thumbnails: list[UInt8[np.ndarray, " _"]] = [facts.thumbnail.ravel() for _, facts in found]
    return Pictures(
        frames=tuple(frame for frame, _ in found),
        fingerprints=np.array([facts.fingerprint for _, facts in found], np.float32).reshape(
            -1, 64
        ),
        thumbnails=np.array(thumbnails, dtype=np.float32).reshape(len(found), THUMBNAIL_SIDE**2),
    )


def check_repeated(inspected: Inspected) -> Iterator[Finding]:
    """Still images, or frames of different videos, that show the same picture."""
    own = pictures(inspected)
    places = []
    for row, other in _same_pairs(own, own):
        if other < row and own.frames[row][0] is not own.frames[other][0]:
            place = own.place(row)
            text = f"{place.where} shows {own.place(other).where}"
            places.append(Place(text, place.sequence, place.frame_index))
    if places:
        what = f"{len(places)} images are near-duplicates of others"
        remedy = "remove one of the two, or make sure that both are on the same side of a split"
        yield Finding("near-duplicate", "warning", what, remedy, tuple(places))


def check_leakage(inspected: Inspected) -> Iterator[Finding]:
    """Training pictures, sequences or scenes among the validation data."""
    if inspected.validation is None:
        return
    validation, own = pictures(inspected.validation), pictures(inspected)
    leaked: dict[int, Place] = {}
    for row, other in _same_pairs(validation, own):
        place = validation.place(row)
        text = f"{place.where} is in training as {own.place(other).where}"
        leaked.setdefault(row, Place(text))
    if leaked:
        what = f"{len(leaked)} of {len(validation.frames)} validation images are training images"
        remedy = "take them out of one of the two: scores on them are not to be believed"
        yield Finding("leaked-image", "error", what, remedy, tuple(leaked.values()))
    yield from _same_names(inspected, inspected.validation)
    yield from _same_scenes(validation, own)


def _same_names(inspected: Inspected, validation: Inspected) -> Iterator[Finding]:
    names = {sequence.name for sequence in inspected.data.sequences if sequence.is_video}
    shared = [
        Place(str(sequence.annotation_path or sequence.name))
        for sequence in validation.data.sequences
        if sequence.is_video and sequence.name in names
    ]
    if shared:
        what = f"{len(shared)} validation videos have the name of a training video"
        remedy = "check that they are not the same video"
        yield Finding("leaked-name", "warning", what, remedy, tuple(shared))


def _same_scenes(validation: Pictures, own: Pictures) -> Iterator[Finding]:
    alike: dict[str, list[bool]] = {}
    like: dict[str, str] = {}
    if not len(own.frames):
        return
    for start in range(0, len(validation.frames), BLOCK):
        differing = _differing_bits(
            validation.fingerprints[start : start + BLOCK], own.fingerprints
        )
        nearest = differing.argmin(axis=1)
        for row, other in enumerate(nearest):
            sequence = validation.frames[start + row][0]
            if sequence.is_video:
                is_alike = bool(differing[row, other] <= ALIKE_BITS)
                alike.setdefault(sequence.name, []).append(is_alike)
                if is_alike:
                    like[sequence.name] = own.frames[other][0].name
    places = tuple(
        Place(f"{name} shows the scene of {like[name]} in {np.mean(matches):.0%} of its frames")
        for name, matches in alike.items()
        if np.mean(matches) >= SCENE_SHARE
    )
    if places:
        what = f"{len(places)} validation videos show a scene of the training videos"
        remedy = "fine for choosing settings; say so where scores are reported, and judge on others"
        yield Finding("leaked-scene", "warning", what, remedy, places)


def _same_pairs(first: Pictures, second: Pictures) -> Iterator[tuple[int, int]]:
    """Rows of the same picture."""
    for start in range(0, len(first.frames), BLOCK):
        block = first.thumbnails[start : start + BLOCK]
        bits = _differing_bits(first.fingerprints[start : start + BLOCK], second.fingerprints)
        is_near = (bits <= SAME_BITS) & (_mean_squares(block, second.thumbnails) <= SAME_RMS**2)
        for row, other in zip(*np.nonzero(is_near), strict=True):
            if np.abs(block[row] - second.thumbnails[other]).max() <= SAME_LEVELS:
                yield int(start + row), int(other)


def _mean_squares(
    first: Float[np.ndarray, "A pixels"], second: Float[np.ndarray, "E pixels"]
) -> Float[np.ndarray, "A E"]:
    """Mean squared difference of all pairs; as a product of matrices, because that is fast."""
    squares = (first**2).sum(1)[:, None] + (second**2).sum(1)[None] - 2 * first @ second.T
    return np.asarray(squares / max(1, first.shape[1]))


def _differing_bits(
    first: Float[np.ndarray, "A 64"], second: Float[np.ndarray, "E 64"]
) -> Float[np.ndarray, "A E"]:
    """How many signs differ, in all pairs."""
    return np.asarray((first.shape[1] - first @ second.T) / 2)
