"""What a film without annotation teaches: only what is seen in both directions."""

from collections import Counter
from dataclasses import replace

import numpy as np
from benchmarks.adapted.labels import agreed, part, without_annotation

from trackformer.data.annotations import AnnotatedSequence, frame_without_objects


def seen(*boxes: tuple[int, float]):
    """A frame with people 10 pixels wide, by track id and left edge."""
    lefts = np.array([float(left) for _, left in boxes])
    return replace(
        frame_without_objects(0, None),
        boxes_xyxy=np.stack([lefts, 0 * lefts, lefts + 10, 0 * lefts + 20], axis=1),
        labels=np.zeros(len(boxes), dtype=np.int64),
        track_ids=np.array([track_id for track_id, _ in boxes]),
        visibility=np.ones(len(boxes)),
    )


def test_only_long_tracks_seen_in_both_directions_are_objects_and_the_rest_is_ignored():
    forwards = seen((1, 0), (2, 100), (3, 200), (4, 300))
    # Track 1 is the same within IoU 9/11; 2 is short; 3 is not seen; 4 is 5 pixels off, IoU 1/3.
    backwards = seen((7, 1), (8, 100), (9, 305))
    labels = agreed(forwards, backwards, Counter({1: 30, 2: 3, 3: 30, 4: 30}))
    assert labels.track_ids.tolist() == [1]
    assert labels.ignore_boxes_xyxy[:, 0].tolist() == [100, 200, 300, 100, 305]
    assert labels.ignore_is_distractor.all()


def test_a_frame_without_anybody_has_no_labels():
    nobody = frame_without_objects(0, None)
    assert len(agreed(nobody, nobody, Counter()).labels) == 0
    alone = agreed(nobody, seen((1, 0.0)), Counter())
    assert alone.ignore_boxes_xyxy.tolist() == [[0, 0, 10, 20]]


def test_half_of_a_scene_is_a_film_of_its_own():
    frames = tuple(replace(seen((1, index)), frame_index=index) for index in range(6))
    half = part(AnnotatedSequence("a", frames, None, None, is_video=True), 3, 6)
    assert [frame.frame_index for frame in half.frames] == [0, 1, 2]
    assert half.frames[0].boxes_xyxy[0, 0] == 3
    assert all(len(frame.labels) == 0 for frame in without_annotation(half).frames)
