"""The tracks of a recording as one would draw them who has seen all of it."""

from __future__ import annotations

from trackformer.data.annotations import AnnotatedSequence
from trackformer.tracking.hindsight.filling import filled
from trackformer.tracking.hindsight.joining import join
from trackformer.tracking.hindsight.smoothing import smoothed
from trackformer.tracking.hindsight.track import tracks_of, with_tracks


def revise(sequence: AnnotatedSequence) -> AnnotatedSequence:
    """Smoothed boxes, fragments joined, gaps filled; what each part gives: docs/quality.md.

    In this order: smooth motion says better which fragments belong together, and joining leaves
    gaps to fill.
    """
    tracks = join([smoothed(track) for track in tracks_of(sequence)])
    return with_tracks(sequence, [filled(track) for track in tracks])
