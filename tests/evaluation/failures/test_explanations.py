"""Where scores come from: switches with their causes, bins, intervals, classes, parts of videos."""

import csv
from dataclasses import replace

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
from trackformer.data.annotations import AnnotatedData
from trackformer.errors import ConfigError
from trackformer.evaluation.failures.switches import write_switches
from trackformer.evaluation.reports.plots import write_plots
from trackformer.evaluation.reports.tracking import report_tracking
from trackformer.evaluation.reports.tracking_output import report_content, report_lines

IMAGE = (100, 400)
BEHIND_LEFT = (8.0, 0.0, 28.0, 39.0)
"""The left person covers 60 % of it (IoU 0.42); its feet are higher, so it is further away."""
IN_THE_MIDDLE = (100.0, 30.0, 120.0, 70.0)
AT_BORDER = (380.0, 0.0, 400.0, 40.0)


def in_image(data):
    return replace(data, sequences=tuple(replace(s, image_size=IMAGE) for s in data.sequences))


def report(data, results, **options):
    return report_tracking("split", data, {"street": results}, **options)


def causes(frames, results):
    return [switch.cause for switch in report(in_image(data_of(*frames)), results).switches]


def test_a_switch_names_frames_and_ids_as_the_files_do():
    (switch,) = report(two_people(), flawed_results()).switches
    assert (switch.sequence, switch.frame, switch.last_matched_frame) == ("street", 3, 2)
    assert (switch.object_id, switch.old_track, switch.new_track) == (1, 1, 3)


def test_another_track_from_one_frame_to_the_next_is_a_takeover():
    frames = [annotated_frame(index, {1: LEFT_PERSON}) for index in range(2)]
    results = [result_frame(index, {index + 1: LEFT_PERSON}) for index in range(2)]
    assert causes(frames, results) == ["takeover"]


def test_a_visible_object_without_a_result_was_missed():
    frames = [annotated_frame(index, {1: LEFT_PERSON}) for index in range(3)]
    results = [result_frame(0, {1: LEFT_PERSON}), result_frame(2, {2: LEFT_PERSON})]
    assert causes(frames, results) == ["missed"]


def test_a_hardly_visible_object_was_occluded():
    frames = [annotated_frame(index, {1: LEFT_PERSON}) for index in range(3)]
    frames[1] = replace(frames[1], visibility=np.array([0.2]))
    results = [result_frame(0, {1: LEFT_PERSON}), result_frame(2, {2: LEFT_PERSON})]
    assert causes(frames, results) == ["occlusion"]


def test_an_object_covered_by_a_nearer_one_was_occluded():
    people = {1: BEHIND_LEFT, 2: LEFT_PERSON}
    frames = [annotated_frame(index, people) for index in range(3)]
    results = [
        result_frame(0, {1: BEHIND_LEFT, 5: LEFT_PERSON}),
        result_frame(1, {5: LEFT_PERSON}),
        result_frame(2, {3: BEHIND_LEFT, 5: LEFT_PERSON}),
    ]
    assert causes(frames, results) == ["occlusion"]


def test_overlapping_objects_that_exchange_their_tracks_cross():
    people = {1: BEHIND_LEFT, 2: LEFT_PERSON}
    frames = [annotated_frame(index, people) for index in range(2)]
    results = [
        result_frame(0, {1: BEHIND_LEFT, 2: LEFT_PERSON}),
        result_frame(1, {2: BEHIND_LEFT, 1: LEFT_PERSON}),
    ]
    assert causes(frames, results) == ["crossing", "crossing"]


@pytest.mark.parametrize(("box", "cause"), [(AT_BORDER, "exit"), (IN_THE_MIDDLE, "occlusion")])
def test_an_object_that_is_not_annotated_left_at_the_border_or_hid_elsewhere(box, cause):
    frames = [annotated_frame(0, {1: box}), annotated_frame(1), annotated_frame(2, {1: box})]
    results = [result_frame(0, {1: box}), result_frame(2, {2: box})]
    assert causes(frames, results) == [cause]


def test_the_list_of_switches_is_a_table(tmp_path):
    write_switches(report(two_people(), flawed_results()).switches, tmp_path / "switches.csv")
    with (tmp_path / "switches.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert (row["frame"], row["new_track"], row["cause"]) == ("3", "3", "takeover")


def test_bins_split_boxes_and_average_to_the_whole():
    half_hidden = [
        replace(annotated_frame(index, {1: LEFT_PERSON, 2: RIGHT_PERSON}), visibility=shown)
        for index, shown in enumerate(np.array([[1, 0.4], [1, 0.4], [1, 0.4]]))
    ]
    result = report(data_of(*half_hidden), flawed_results())
    low, high = [entry for entry in result.bins if entry.kind == "visibility"]
    assert (low.name, low.num_boxes, high.name, high.num_boxes) == ("25-50 %", 3, "75-100 %", 3)
    assert (low.recall, high.recall) == (pytest.approx(100 * 2 / 3), 100)
    # Right: track 2 shares 2 of 3 frames. Left: track 1 shares 2 of 3 twice, track 3 shares 1 of 3.
    assert low.ass_a == pytest.approx(100 * 2 / 3)
    assert high.ass_a == pytest.approx(100 * (2 / 3 + 2 / 3 + 1 / 3) / 3)
    assert (low.kept, high.kept, high.id_switches) == (100, 50, 1)
    combined = result.table.combined
    assert (2 * low.ass_a + 3 * high.ass_a) / 5 == pytest.approx(combined.ass_a)
    assert (low.det_re + high.det_re) / 2 == pytest.approx(combined.det_re)


def test_sizes_are_those_of_coco():
    # 20 x 40 pixels are less than 32 x 32.
    names = [(entry.kind, entry.name) for entry in report(two_people(), perfect_results()).bins]
    assert names == [("size", "small")]


def test_one_sequence_has_no_interval():
    result = report(two_people(), flawed_results())
    assert result.intervals == {}
    assert any("there is only one" in str(part) for part in report_lines(result))


def test_intervals_span_the_sequences_and_follow_from_the_seed():
    data = AnnotatedData(
        (*two_people("good").sequences, *two_people("street").sequences), ("person",)
    )
    results = {"good": perfect_results(), "street": flawed_results()}
    first = report_tracking("split", data, results, seed=1).intervals
    again = report_tracking("split", data, results, seed=1).intervals
    assert first == again
    # With two sequences the drawings hold one of them twice in half of the cases.
    assert (first["mota"].low, first["mota"].high) == (pytest.approx(50), 100)


def test_frames_outside_the_range_do_not_count():
    result = report(two_people(), flawed_results(), frames="1-1")
    assert (result.num_frames, result.num_boxes, result.table.combined.mota) == (1, 2, 100)
    assert result.split == "split, frames 1-1"
    second = report(two_people(), flawed_results(), frames="second-half")
    assert (second.num_frames, second.num_boxes) == (1, 2)


@pytest.mark.parametrize("frames", ["0-3", "5-2", "half", "3"])
def test_anything_but_a_range_is_refused(frames):
    with pytest.raises(ConfigError, match="expected FIRST-LAST from 1 on"):
        report(two_people(), perfect_results(), frames=frames)


def test_a_result_of_the_wrong_class_is_no_match():
    data = two_people()
    frames = [replace(frame, labels=np.array([0, 1])) for frame in data.sequences[0].frames]
    data = replace(data_of(*frames), class_names=("person", "dog", "cat"))
    right = [replace(frame, labels=np.array([0, 1])) for frame in perfect_results()]
    wrong = [replace(frame, labels=np.array([0, 0])) for frame in perfect_results()]
    assert [row.hota for row in report(data, right).classes.classes] == [100, 100]
    classes = report(data, wrong).classes
    person, dog = classes.classes
    assert (person.name, person.false_positives, dog.name, dog.false_negatives) == (
        *("person", 3),
        *("dog", 3),
    )
    assert (classes.mean.recall, classes.combined.recall) == (50, 50)
    assert report(data, perfect_results()).classes is None


def test_the_json_content_has_everything():
    content = report_content(report(two_people(), flawed_results()))
    assert (content["split"], content["frames"], content["boxes"]) == ("split", 3, 6)
    assert content["switch_causes"] == {"takeover": 1}
    assert len(content["curves"]["combined"]["HOTA"]) == len(content["thresholds"]) == 19


def test_plots_are_pictures(tmp_path):
    paths = write_plots(report(two_people(), flawed_results()), tmp_path / "plots")
    assert [path.name for path in paths] == ["hota.png", "sequences.png", "switches.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths)
    assert len(list((tmp_path / "plots").iterdir())) == 3
