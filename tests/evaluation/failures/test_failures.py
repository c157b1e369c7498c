"""Which failures there are, why, and what each costs, on worlds that can be worked out by hand."""

import re
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from evaluation.metrics.test_tracking_metrics import (
    LEFT_PERSON,
    RIGHT_PERSON,
    annotated_frame,
    data_of,
    flawed_results,
    perfect_results,
    result_frame,
    two_people,
)
from trackformer.evaluation.failures.advice import ADVICE
from trackformer.evaluation.failures.find import find_failures, grouped, worst_first
from trackformer.evaluation.failures.misses import MissCause
from trackformer.evaluation.failures.switches import CAUSES
from trackformer.evaluation.metrics.tracking import match_sequence
from trackformer.input_settings import InputSettings
from trackformer.tracking.settings import TrackerSettings
from trackformer.training.settings import TrainingSettings

ROOT = Path(__file__).parents[3]

IMAGE = (200, 600)
PERSON = (100.0, 100.0, 140.0, 180.0)
ELSEWHERE = (300.0, 100.0, 340.0, 180.0)
BESIDE = (122.0, 100.0, 162.0, 180.0)
"""IoU with the person 18 / 62 = 0.29."""
PARTNER = (120.0, 95.0, 160.0, 175.0)
"""Covers 20 x 75 of the person's 40 x 80 pixels, from behind: its feet are higher."""


def failures_of(frames, results):
    (sequence,) = data_of(*frames).sequences
    sequence = replace(sequence, image_size=IMAGE)
    return worst_first(find_failures(sequence, match_sequence(sequence, results)))


def tracked_as(track_ids, box=PERSON):
    """One object that stands still; 0: no result in that frame."""
    frames = [annotated_frame(index, {7: box}) for index in range(len(track_ids))]
    results = [
        result_frame(index, {track_id: box} if track_id else {})
        for index, track_id in enumerate(track_ids)
    ]
    return failures_of(frames, results)


def switch_costs(track_ids):
    return {entry.frame: entry.boxes for entry in tracked_as(track_ids) if entry.kind == "switch"}


def missed_once(objects, results=(), visibility=1.0):
    """The cause why person 7 is missed in the middle of three frames, its track being 1."""
    frames = [annotated_frame(index, {7: PERSON, **objects}) for index in range(3)]
    shown = np.array([visibility, *[1.0] * len(objects)])
    frames[1] = replace(frames[1], visibility=shown)
    around = {1: PERSON, **{20 + key: box for key, box in objects.items()}}
    found = [result_frame(index, around) for index in range(3)]
    found[1] = result_frame(1, dict(results))
    return [entry.cause for entry in failures_of(frames, found) if entry.object_id == 7]


def test_perfect_tracks_have_no_failures():
    (sequence,) = two_people().sequences
    assert find_failures(sequence, match_sequence(sequence, perfect_results())) == ()


def test_a_switch_and_a_miss_are_named_as_in_the_files():
    (sequence,) = two_people().sequences
    failures = find_failures(sequence, match_sequence(sequence, flawed_results()))
    miss, switch = sorted(failures, key=lambda failure: failure.kind)
    assert (miss.object_id, miss.frame, miss.last_frame, miss.last_matched_frame) == (2, 2, 2, 1)
    assert (miss.old_track, miss.new_track, miss.boxes, miss.cost) == (2, 2, 1, 1.0)
    assert (switch.object_id, switch.frame, switch.last_matched_frame) == (1, 3, 2)
    assert (switch.old_track, switch.new_track, switch.cause) == (1, 3, "takeover")


def test_after_its_switch_the_smaller_part_has_the_wrong_identity():
    assert switch_costs([1, 1, 1, 2, 2]) == {4: 2}
    assert switch_costs([1, 1, 2, 2, 2]) == {3: 2}


def test_of_equal_parts_the_first_has_the_identity():
    assert switch_costs([5, 5, 2, 2]) == {3: 2}


def test_a_switch_back_costs_nothing():
    assert switch_costs([1, 1, 1, 2, 1, 1]) == {4: 1, 5: 0}


def test_costs_of_switches_add_up_to_the_boxes_with_another_identity():
    # Track 3 has 4 of 9 boxes; each other piece belongs to the switch between it and track 3.
    assert switch_costs([1, 1, 2, 3, 3, 3, 4, 4, 3]) == {3: 2, 4: 1, 7: 2, 9: 0}


def test_boxes_count_by_their_visible_share():
    frames = [annotated_frame(index, {7: PERSON}) for index in range(3)]
    frames[1] = replace(frames[1], visibility=np.array([0.5]))
    (failure,) = failures_of(frames, [result_frame(2, {1: PERSON})])
    assert (failure.boxes, failure.cost) == (2, 1.5)


def test_a_miss_that_nobody_could_have_found_costs_nothing():
    frames = [annotated_frame(index, {7: PERSON}) for index in range(2)]
    frames[0] = replace(frames[0], visibility=np.array([0.0]))
    (failure,) = failures_of(frames, [result_frame(1, {1: PERSON})])
    assert (failure.cause, failure.boxes, failure.cost) == ("hidden", 1, 0)


def test_frames_without_the_object_cut_a_miss_in_two():
    frames = [annotated_frame(0, {7: PERSON}), annotated_frame(1), annotated_frame(2, {7: PERSON})]
    assert [(entry.frame, entry.last_frame) for entry in failures_of(frames, [])] == [
        (1, 1),
        (3, 3),
    ]


@pytest.mark.parametrize(
    ("track_ids", "cause"),
    [([0, 0, 0], "never found"), ([0, 1, 1], "late"), ([1, 0, 1], "lost"), ([1, 1, 0], "lost")],
)
def test_a_person_in_plain_sight_is_never_found_or_found_late_or_lost(track_ids, cause):
    assert [entry.cause for entry in tracked_as(track_ids)] == [cause]


def test_a_person_of_whom_hardly_anything_is_seen_is_hidden():
    assert missed_once({}, visibility=0.2) == ["hidden"]
    assert missed_once({}, visibility=0.3) == ["lost"]


def test_a_person_cut_off_by_the_image_is_at_the_border():
    causes = [entry.cause for entry in tracked_as([1, 0, 1], box=(0.0, 100.0, 40.0, 180.0))]
    assert causes == ["border"]


def test_a_person_below_32_x_32_pixels_is_small():
    causes = [entry.cause for entry in tracked_as([1, 0, 1], box=(100.0, 100.0, 120.0, 140.0))]
    assert causes == ["small"]


def test_a_result_of_nobody_that_lies_beside_the_person_is_loose():
    assert missed_once({}, results={1: BESIDE}) == ["loose"]


def test_a_result_that_belongs_to_a_neighbour_is_not_loose_but_a_crowd():
    assert missed_once({8: PARTNER}, results={28: PARTNER}) == ["crowd"]


def test_a_track_that_went_on_with_another_object_was_stolen():
    causes = missed_once({8: ELSEWHERE}, results={1: ELSEWHERE})
    assert causes == ["stolen"]


def test_a_cause_needs_half_of_the_missed_boxes():
    frames = [annotated_frame(index, {7: PERSON}) for index in range(4)]
    frames[1] = replace(frames[1], visibility=np.array([0.1]))
    results = [result_frame(0, {1: PERSON})]
    assert [entry.cause for entry in failures_of(frames, results)] == ["lost"]
    frames[2] = replace(frames[2], visibility=np.array([0.1]))
    assert [entry.cause for entry in failures_of(frames, results)] == ["hidden"]


def test_groups_come_in_the_order_of_their_cost():
    groups = grouped(tracked_as([1, 1, 1, 1, 2, 0, 0]))
    assert [(group.kind, group.cause, group.boxes, group.cost) for group in groups] == [
        ("miss", "lost", 2, 2.0),
        ("switch", "takeover", 1, 1.0),
    ]


def test_every_cause_has_its_advice():
    known = {("switch", cause) for cause in CAUSES}
    assert set(ADVICE) == known | {("miss", cause) for cause in get_args(MissCause)}


def test_advice_names_settings_and_pages_that_exist():
    text = " ".join(advice.remedy for advice in ADVICE.values())
    fields = TrainingSettings.model_fields
    for group, name in re.findall(r"\b([a-z_]+)\.([a-z_]+)\b(?<!\.md)(?<!\.yaml)", text):
        known = {"input": InputSettings}.get(group) or fields[group].annotation
        assert name in known.model_fields, f"{group}.{name}"
    for name in re.findall(r"(?<![.\w/])[a-z]+_[a-z_]+(?![.\w])", text):
        assert name in TrackerSettings.model_fields, name
    for page in re.findall(r"(?:docs|configs)/[\w-]+\.\w+", text):
        assert (ROOT / page).is_file(), page


def test_two_people_that_are_never_found_are_two_failures():
    frames = [annotated_frame(0, {1: LEFT_PERSON, 2: RIGHT_PERSON})]
    assert len(failures_of(frames, [])) == 2
