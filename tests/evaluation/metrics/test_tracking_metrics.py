"""Worlds of three frames with two people standing still, whose scores can be worked out by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest

from trackformer.data.annotations import (
    AnnotatedData,
    AnnotatedFrame,
    AnnotatedSequence,
    frame_without_objects,
)
from trackformer.data.results import ResultFrame
from trackformer.errors import DataError
from trackformer.evaluation.metrics.tracking import evaluate_tracking

LEFT_PERSON = (0.0, 0.0, 20.0, 40.0)
RIGHT_PERSON = (100.0, 0.0, 120.0, 40.0)
NOBODY = (300.0, 0.0, 320.0, 40.0)


def boxes_array(boxes):
    return np.array(boxes, dtype=np.float64).reshape(-1, 4)


def annotated_frame(frame_index, objects=(), ignored=(), distractors=(), others=()):
    """`objects` by track id; the rest are boxes."""
    ids = np.array(list(dict(objects)), dtype=np.int64)
    return AnnotatedFrame(
        frame_index=frame_index,
        image_path=None,
        boxes_xyxy=boxes_array(list(dict(objects).values())),
        labels=np.zeros(len(ids), dtype=np.int64),
        track_ids=ids,
        visibility=np.ones(len(ids)),
        ignore_boxes_xyxy=boxes_array([*ignored, *distractors]),
        ignore_is_distractor=np.array([False] * len(ignored) + [True] * len(distractors), bool),
        other_boxes_xyxy=boxes_array(others),
    )


def result_frame(frame_index, boxes_by_id):
    return ResultFrame(
        frame_index,
        np.array(list(boxes_by_id), dtype=np.int64),
        boxes_array(list(boxes_by_id.values())),
        np.ones(len(boxes_by_id)),
    )


def data_of(*frames, name="street"):
    return AnnotatedData((AnnotatedSequence(name, frames, None, None, is_video=True),), ("person",))


def two_people(name="street"):
    people = {1: LEFT_PERSON, 2: RIGHT_PERSON}
    return data_of(*(annotated_frame(index, people) for index in range(3)), name=name)


def nobody(num_frames):
    return data_of(*(frame_without_objects(index, None) for index in range(num_frames)))


def perfect_results():
    return [result_frame(index, {1: LEFT_PERSON, 2: RIGHT_PERSON}) for index in range(3)]


def flawed_results():
    """A switch (left person, frame 3), a miss (right, frame 2), a false positive (frame 2)."""
    return [
        result_frame(0, {1: LEFT_PERSON, 2: RIGHT_PERSON}),
        result_frame(1, {1: LEFT_PERSON, 9: NOBODY}),
        result_frame(2, {3: LEFT_PERSON, 2: RIGHT_PERSON}),
    ]


def scores_of(data, results):
    return evaluate_tracking(data, {"street": results}).combined


def message_of(data, results):
    with pytest.raises(DataError) as caught:
        evaluate_tracking(data, results)
    return str(caught.value)


def test_perfect_tracks_score_one_hundred():
    scores = scores_of(two_people(), perfect_results())
    assert (scores.hota, scores.det_a, scores.ass_a, scores.loc_a) == (100, 100, 100, 100)
    assert (scores.mota, scores.motp, scores.idf1) == (100, 100, 100)
    assert (scores.id_switches, scores.false_positives, scores.false_negatives) == (0, 0, 0)
    assert (scores.num_ground_truth_ids, scores.num_result_ids) == (2, 2)


def test_a_switch_a_miss_and_a_false_positive_are_one_mistake_each():
    scores = scores_of(two_people(), flawed_results())
    assert (scores.id_switches, scores.false_negatives, scores.false_positives) == (1, 1, 1)
    assert scores.mota == pytest.approx(100 * (1 - 3 / 6))
    assert scores.precision == pytest.approx(100 * 5 / 6)
    assert scores.recall == pytest.approx(100 * 5 / 6)


def test_identity_counts_each_object_with_its_best_track_only():
    # Track 1 with the left person in 2 frames, track 2 with the right one in 2; 6 boxes each side.
    assert scores_of(two_people(), flawed_results()).idf1 == pytest.approx(100 * 2 * 4 / (6 + 6))


def test_hota_is_the_geometric_mean_of_detection_and_association():
    scores = scores_of(two_people(), flawed_results())
    detection = 5 / 7
    # Of 3 frames of a person, tracks 1 and 2 share 2 (4 matches) and track 3 shares 1 (1 match).
    association = (4 * 2 / 3 + 1 * 1 / 3) / 5
    assert scores.det_a == pytest.approx(100 * detection)
    assert scores.ass_a == pytest.approx(100 * association)
    assert scores.hota == pytest.approx(100 * math.sqrt(detection * association))


def test_localisation_is_the_mean_iou_of_what_matches():
    # Shifted by a quarter of its width: IoU 15 / 25 = 0.6, matched at thresholds up to 0.6.
    shifted = [result_frame(0, {1: (5.0, 0.0, 25.0, 40.0)})]
    scores = scores_of(data_of(annotated_frame(0, {1: LEFT_PERSON})), shifted)
    assert scores.motp == pytest.approx(60)
    assert scores.det_a == pytest.approx(100 * 12 / 19)


def test_without_results_everything_is_missed():
    scores = scores_of(two_people(), [])
    assert (scores.hota, scores.mota, scores.idf1, scores.recall) == (0, 0, 0, 0)
    assert (scores.false_negatives, scores.false_positives, scores.id_switches) == (6, 0, 0)
    assert (scores.num_ground_truth_ids, scores.num_result_ids) == (2, 0)


def test_without_objects_every_result_is_false():
    scores = scores_of(nobody(3), flawed_results())
    assert (scores.false_positives, scores.false_negatives, scores.hota) == (6, 0, 0)


def test_nothing_annotated_and_nothing_found_has_no_mistakes():
    scores = scores_of(nobody(3), [])
    assert (scores.false_positives, scores.false_negatives, scores.id_switches) == (0, 0, 0)


def test_frames_without_objects_or_results_are_counted_between_others():
    people = {1: LEFT_PERSON}
    data = data_of(annotated_frame(0, people), annotated_frame(1), annotated_frame(2, people))
    results = [result_frame(1, {4: NOBODY}), result_frame(2, {5: LEFT_PERSON})]
    scores = scores_of(data, results)
    assert (scores.false_negatives, scores.false_positives, scores.id_switches) == (1, 1, 0)


def test_a_result_on_a_distractor_is_not_counted():
    data = data_of(annotated_frame(0, {1: LEFT_PERSON}, distractors=[RIGHT_PERSON]))
    scores = scores_of(data, [result_frame(0, {1: LEFT_PERSON, 2: RIGHT_PERSON})])
    assert (scores.false_positives, scores.mota, scores.num_result_ids) == (0, 100, 1)


def test_a_second_result_on_a_distractor_is_a_false_positive():
    data = data_of(annotated_frame(0, {1: LEFT_PERSON}, distractors=[RIGHT_PERSON]))
    results = [result_frame(0, {1: LEFT_PERSON, 2: RIGHT_PERSON, 3: RIGHT_PERSON})]
    assert scores_of(data, results).false_positives == 1


def test_a_result_far_from_the_distractor_is_a_false_positive():
    # IoU 8 / 32 lies below the 0.5 a result needs to belong to a distractor.
    data = data_of(annotated_frame(0, {1: LEFT_PERSON}, distractors=[RIGHT_PERSON]))
    results = [result_frame(0, {1: LEFT_PERSON, 2: (112.0, 0.0, 132.0, 40.0)})]
    assert scores_of(data, results).false_positives == 1


def test_a_result_inside_a_forgiving_region_is_not_counted_unless_it_matches_an_object():
    region = (90.0, 0.0, 130.0, 60.0)
    frame = annotated_frame(0, {1: LEFT_PERSON, 2: RIGHT_PERSON}, ignored=[region])
    half_inside = (110.0, 30.0, 150.0, 50.0)
    more_inside = (109.0, 30.0, 149.0, 50.0)
    results = [
        result_frame(
            0, {1: LEFT_PERSON, 2: RIGHT_PERSON, 3: half_inside, 4: more_inside, 5: NOBODY}
        )
    ]
    (strict,) = data_of(frame).sequences
    forgiving = AnnotatedData((replace(strict, forgives_ignored=True),), ("person",))
    assert evaluate_tracking(data_of(frame), {"street": results}).combined.false_positives == 3
    scores = evaluate_tracking(forgiving, {"street": results}).combined
    assert (scores.false_positives, scores.false_negatives) == (2, 0)


def test_a_result_on_another_ignore_region_is_a_false_positive_as_in_motchallenge():
    data = data_of(annotated_frame(0, {1: LEFT_PERSON}, ignored=[RIGHT_PERSON]))
    scores = scores_of(data, [result_frame(0, {1: LEFT_PERSON, 2: RIGHT_PERSON})])
    assert (scores.false_positives, scores.false_negatives) == (1, 0)


def test_an_occluder_competes_with_a_distractor_for_a_result():
    near_right = (102.0, 0.0, 122.0, 40.0)
    data = data_of(annotated_frame(0, distractors=[near_right], others=[RIGHT_PERSON]))
    assert scores_of(data, [result_frame(0, {2: RIGHT_PERSON})]).false_positives == 1


def test_combined_counts_boxes_rather_than_averaging_sequences():
    first, second = two_people("first").sequences[0], nobody(3).sequences[0]
    data = AnnotatedData((first, second), ("person",))
    table = evaluate_tracking(data, {"first": perfect_results(), "street": flawed_results()})
    assert [row.name for row in table.sequences] == ["first", "street"]
    assert table.sequences[0].mota == 100
    # 6 false positives on 6 objects.
    assert (table.combined.name, table.combined.mota) == ("combined", 0)
    assert table.combined.num_ground_truth_ids == 2


@pytest.mark.parametrize(
    ("frames", "problem"),
    [
        ([result_frame(3, {1: NOBODY})], "frame 4: expected frames from 1 to 3"),
        ([result_frame(0, {}), result_frame(0, {})], "frame 1: expected each frame once"),
        (
            [result_frame(1, {-1: NOBODY})],
            "frame 2: expected tracks with ids from 0 on, got detections (id -1)",
        ),
    ],
)
def test_results_that_do_not_fit_are_refused(frames, problem):
    assert message_of(two_people(), {"street": frames}) == f"results of street, {problem}"


def test_an_id_twice_in_a_frame_is_refused():
    frame = result_frame(0, {1: LEFT_PERSON, 2: RIGHT_PERSON})
    frame.track_ids[:] = 1
    assert message_of(two_people(), {"street": [frame]}) == (
        "results of street, frame 1: expected each id once in a frame"
    )


def test_a_sequence_without_results_is_named():
    assert message_of(two_people(), {"other": []}) == (
        "expected results of every sequence, got none of street"
    )


def test_a_sequence_without_frames_is_refused():
    assert message_of(nobody(0), {"street": []}) == "street: expected at least one frame, got none"
