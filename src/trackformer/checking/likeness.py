"""Checks of pictures that look alike: repeated images, and training frames among the validation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

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
    sequence_numbers: Int[np.ndarray, " images"]
    """Which sequence each belongs to."""

    def place(self, row: int) -> Place:
        """Where an image is."""
        return frame_place(*self.frames[row])


def pictures(inspected: Inspected) -> Pictures:
    """The readable images of the data."""
    found: list[tuple[tuple[AnnotatedSequence, AnnotatedFrame], ImageFacts]] = []
    numbers: list[int] = []
    for number, sequence in enumerate(inspected.data.sequences):
        for frame in sequence.frames:
            facts = inspected.images.get(frame.image_path) if frame.image_path else None
            if facts is not None and facts.size is not None:
                found.append(((sequence, frame), facts))
                numbers.append(number)
    thumbnails: list[UInt8[np.ndarray, " _"]] = [facts.thumbnail.ravel() for _, facts in found]
    return Pictures(
        frames=tuple(frame for frame, _ in found),
        fingerprints=np.array([facts.fingerprint for _, facts in found], np.float32).reshape(
            -1, 64
        ),
        thumbnails=np.array(thumbnails, dtype=np.float32).reshape(len(found), THUMBNAIL_SIDE**2),
        sequence_numbers=np.array(numbers, dtype=np.int64),
    )


def check_repeated(inspected: Inspected) -> Iterator[Finding]:
    """Still images, or frames of different videos, that show the same picture."""
    own = pictures(inspected)
    places = []
    for start, is_near in _near_blocks(own, own):
        of_block = own.sequence_numbers[start : start + len(is_near)]
        is_near &= own.sequence_numbers[None] < of_block[:, None]
        for row in np.flatnonzero(is_near.any(axis=1)).tolist():
            other = _first_same(own, start + row, own, is_near[row])
            if other is not None:
                place = own.place(start + row)
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
    leaked = []
    for start, is_near in _near_blocks(validation, own):
        for row in np.flatnonzero(is_near.any(axis=1)).tolist():
            other = _first_same(validation, start + row, own, is_near[row])
            if other is not None:
                where = validation.place(start + row).where
                leaked.append(Place(f"{where} is in training as {own.place(other).where}"))
    if leaked:
        what = f"{len(leaked)} of {len(validation.frames)} validation images are training images"
        remedy = "take them out of one of the two: scores on them are not to be believed"
        yield Finding("leaked-image", "error", what, remedy, tuple(leaked))
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


def _near_blocks(
    first: Pictures, second: Pictures
) -> Iterator[tuple[int, Bool[np.ndarray, "A E"]]]:
    """Number of a first row, and which pictures are nearly the same in a block from there on."""
    for start in range(0, len(first.frames), BLOCK):
        end = start + BLOCK
        bits = _differing_bits(first.fingerprints[start:end], second.fingerprints)
        squares = _mean_squares(first.thumbnails[start:end], second.thumbnails)
        yield start, (bits <= SAME_BITS) & (squares <= SAME_RMS**2)


def _first_same(first: Pictures, row: int, second: Pictures, is_near: np.ndarray) -> int | None:
    """The first of the near pictures that is the same to the last part of it."""
    near = np.flatnonzero(is_near)
    levels = np.abs(first.thumbnails[row] - second.thumbnails[near]).max(axis=1, initial=0)
    same = near[levels <= SAME_LEVELS]
    return int(same[0]) if len(same) else None


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
