"""Checks of frames: whether all are there, annotated, readable and of the declared size."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from trackformer.checking.records import Finding, Inspected, Place, frame_place, videos
from trackformer.data.annotations import AnnotatedFrame, AnnotatedSequence

MIN_TRACKS_ACROSS = 3
"""So many objects before and after an empty frame make it one that was forgotten."""
SPARSE_SHARE = 0.6
"""Videos with objects in fewer of their frames may be annotated at every n-th frame only."""
MIN_ANNOTATED = 4
RATES = (1.0, 240.0)
"""Frame rates outside this range are mistyped."""
FROZEN_RUN = 3


def check_objects(inspected: Inspected) -> Iterator[Finding]:
    """Data, classes and sequences without objects."""
    counts = [
        sum(len(frame.boxes_xyxy) for frame in sequence.frames)
        for sequence in inspected.data.sequences
    ]
    if not sum(counts):
        remedy = "check the path, the format and which rows count as objects"
        yield Finding("no-objects", "error", "nothing is annotated as an object", remedy)
        return
    empty = [
        Place(str(sequence.annotation_path or sequence.name), sequence.name)
        for sequence, count in zip(inspected.data.sequences, counts, strict=True)
        if not count and sequence.is_video
    ]
    if empty:
        what = f"{len(empty)} videos have no objects"
        yield Finding("empty-video", "warning", what, "check that they are annotated", tuple(empty))


def check_classes(inspected: Inspected) -> Iterator[Finding]:
    """Declared classes that never occur."""
    names = inspected.data.class_names
    labels = [frame.labels for sequence in inspected.data.sequences for frame in sequence.frames]
    used = set(np.concatenate([np.zeros(0, dtype=np.int64), *labels]).tolist())
    unused = [name for label, name in enumerate(names) if label not in used]
    if unused and len(unused) < len(names):
        what = f"{len(unused)} of {len(names)} classes never occur: {', '.join(unused[:10])}"
        remedy = "remove their names, or check that class numbers are not off by one"
        is_first = 0 not in used
        yield Finding("unused-class", "warning" if is_first else "note", what, remedy)


def check_forgotten_frames(inspected: Inspected) -> Iterator[Finding]:
    """Empty frames between two full of the same objects, and videos annotated now and then."""
    forgotten, sparse = [], []
    for sequence in videos(inspected.data):
        annotated = np.array([len(frame.track_ids) > 0 for frame in sequence.frames])
        if _is_sparse(annotated):
            every = np.diff(np.flatnonzero(annotated)).mean()
            where = f"{sequence.annotation_path or sequence.name}: about every {every:.0f} frames"
            sparse.append(Place(where, sequence.name))
        else:
            forgotten += list(_forgotten(sequence, annotated))
    if sparse:
        what = f"{len(sparse)} videos have objects only now and then, at even distances"
        remedy = "fill in the frames between, or keep only the annotated frames: else they teach "
        remedy += "that nothing is there"
        yield Finding("sparse-annotation", "error", what, remedy, tuple(sparse))
    if forgotten:
        what = f"{len(forgotten)} frames have no objects between frames that share theirs"
        remedy = "annotate them, or remove the frames: they teach that nothing is there"
        yield Finding("forgotten-frame", "error", what, remedy, tuple(forgotten))


def check_images(inspected: Inspected) -> Iterator[Finding]:
    """Image files that cannot be read, or have another size than declared."""
    damaged, resized, absent = [], [], []
    for sequence, frame in _frames(inspected):
        facts = inspected.images.get(frame.image_path) if frame.image_path else None
        if facts is None:
            absent += [] if any(other.image_path for other in sequence.frames) else [sequence]
        elif facts.size is None:
            damaged.append(frame_place(sequence, frame))
        elif sequence.image_size is not None and facts.size != sequence.image_size:
            resized.append(_size_place(sequence, frame, facts.size))
    if absent:
        names = dict.fromkeys(str(sequence.annotation_path or sequence.name) for sequence in absent)
        what = f"{len(names)} sequences have no images: they can be evaluated, not trained on"
        places = tuple(Place(name) for name in names)
        yield Finding(
            "no-images", "error", what, "put the images where the format has them", places
        )
    if damaged:
        what = f"{len(damaged)} image files are damaged or cut off"
        yield Finding("unreadable-image", "error", what, "replace them", tuple(damaged))
    if resized:
        what = f"{len(resized)} images have another size than declared"
        remedy = "correct the declared size, or scale boxes and images together"
        yield Finding("image-size", "error", what, remedy, tuple(resized))


def check_stacks(inspected: Inspected) -> Iterator[Finding]:
    """Files of several pictures, of which only one could be a frame."""
    stacked = [
        frame_place(sequence, frame)
        for sequence, frame in _frames(inspected)
        if frame.image_path is not None
        and frame.image_path in inspected.images
        and inspected.images[frame.image_path].num_pictures > 1
    ]
    if stacked:
        what = f"{len(stacked)} image files hold several pictures"
        remedy = "save each picture in a file of its own"
        yield Finding("several-pictures", "error", what, remedy, tuple(stacked))


def check_frozen(inspected: Inspected) -> Iterator[Finding]:
    """Stretches of a video in which the picture stands still to the last pixel."""
    places = []
    for sequence in videos(inspected.data):
        seen = [
            None
            if frame.image_path is None or frame.image_path not in inspected.images
            else inspected.images[frame.image_path].thumbnail.tobytes()
            for frame in sequence.frames
        ]
        run = 1
        for index in range(1, len(seen)):
            run = run + 1 if seen[index] is not None and seen[index] == seen[index - 1] else 1
            if run == FROZEN_RUN:
                places.append(frame_place(sequence, sequence.frames[index]))
    if places:
        what = f"{len(places)} stretches of {FROZEN_RUN} frames or more show a still picture"
        remedy = "remove the repeated frames: they teach that nothing moves"
        yield Finding("frozen-frames", "warning", what, remedy, tuple(places))


def check_frame_rate(inspected: Inspected) -> Iterator[Finding]:
    """Frame rates that are missing, mistyped or very different."""
    known = {
        sequence.name: sequence.frame_rate
        for sequence in videos(inspected.data)
        if sequence.frame_rate is not None
    }
    odd = [Place(name, name) for name, rate in known.items() if not RATES[0] <= rate <= RATES[1]]
    if odd:
        what = f"{len(odd)} videos have a frame rate outside {RATES[0]:g} .. {RATES[1]:g}"
        yield Finding("frame-rate", "warning", what, "correct the frame rate", tuple(odd))
    elif known and max(known.values()) >= 2 * min(known.values()):
        what = f"frame rates differ from {min(known.values()):g} to {max(known.values()):g}"
        remedy = "let clips take larger gaps (clips.max_gap), so that slow videos are not unusual"
        yield Finding("frame-rate", "note", what, remedy)


def _frames(inspected: Inspected) -> Iterator[tuple[AnnotatedSequence, AnnotatedFrame]]:
    for sequence in inspected.data.sequences:
        for frame in sequence.frames:
            yield sequence, frame


def _size_place(sequence: AnnotatedSequence, frame: AnnotatedFrame, size: tuple[int, int]) -> Place:
    assert sequence.image_size is not None
    (height, width), (declared_height, declared_width) = size, sequence.image_size
    place = frame_place(sequence, frame)
    text = f"{place.where}: {width} x {height}, declared {declared_width} x {declared_height}"
    return Place(text, place.sequence, place.frame_index)


def _is_sparse(annotated: np.ndarray) -> bool:
    places = np.flatnonzero(annotated)
    if len(places) < MIN_ANNOTATED or annotated.mean() > SPARSE_SHARE:
        return False
    steps = np.diff(places)
    return bool(steps.min() > 1 and (steps == np.median(steps)).mean() > SPARSE_SHARE)


def _forgotten(sequence: AnnotatedSequence, annotated: np.ndarray) -> Iterator[Place]:
    places = np.flatnonzero(annotated)
    for before, after in pairwise(places):
        if after == before + 1:
            continue
        shared = np.intersect1d(sequence.frames[before].track_ids, sequence.frames[after].track_ids)
        if len(shared) >= MIN_TRACKS_ACROSS:
            yield from (
                frame_place(sequence, frame) for frame in sequence.frames[before + 1 : after]
            )
