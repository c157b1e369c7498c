"""What the commands of benchmarks/claims count, on data that can be checked by hand."""

import json

import numpy as np
from benchmarks.claims import duplicates
from benchmarks.claims.epochs import first_step_at
from benchmarks.claims.greedy import track_greedily
from benchmarks.claims.still_scenes import write_still_scenes

from trackformer.data.results import ResultFrame


def test_the_first_step_that_reaches_a_score_is_found_if_there_is_one():
    assert first_step_at([100, 200, 300], [1.0, 5.0, 4.0], 4.5) == 200
    assert first_step_at([100, 200, 300], [1.0, 5.0, 4.0], 6.0) is None


def test_still_scenes_have_objects_of_the_three_sizes_inside_of_the_image(tmp_path):
    path = write_still_scenes(tmp_path, 6, seed=0)
    rows = json.loads(path.read_text())["annotations"]
    areas = np.array([row["area"] for row in rows])
    assert set(np.digitize(areas, (32**2, 96**2)).tolist()) == {0, 1, 2}
    boxes = np.array([row["bbox"] for row in rows])
    assert boxes.min() >= 0
    assert (boxes[:, :2] + boxes[:, 2:]).max() <= 128


def test_every_object_of_the_data_can_be_repeated(tmp_path):
    training = write_still_scenes(tmp_path, 2, seed=0)
    once = json.loads(training.read_text())["annotations"]
    thrice = json.loads(duplicates.repeated(training, 3).read_text())["annotations"]
    assert [row["bbox"] for row in thrice[:3]] == [once[0]["bbox"]] * 3
    assert [row["id"] for row in thrice] == list(range(1, 3 * len(once) + 1))


def test_further_believed_predictions_of_an_object_are_duplicates():
    truth = [{"image_id": 1, "bbox": [0, 0, 10, 10]}, {"image_id": 1, "bbox": [50, 0, 10, 10]}]

    def found(left, score):
        return {"image_id": 1, "bbox": [left, 0, 10, 10], "score": score}

    twice_and_elsewhere = [found(0, 0.9), found(1, 0.8), found(0, 0.4), found(80, 0.9)]
    assert duplicates.hits_and_duplicates(truth, twice_and_elsewhere, 0.5) == (1, 1)
    assert duplicates.hits_and_duplicates(truth, [found(0, 0.9), found(51, 0.6)], 0.5) == (2, 0)
    assert duplicates.hits_and_duplicates(truth, [], 0.5) == (0, 0)


def test_greedy_tracks_take_the_best_overlap_and_wait_as_long_as_they_are_told():
    def frame(index, *lefts):
        boxes = np.array([[left, 0, left + 10, 20] for left in lefts], dtype=float)
        nobody = np.full(len(lefts), -1)
        return ResultFrame(index, nobody, boxes.reshape(-1, 4), np.ones(len(lefts)))

    frames = [frame(0, 0, 40), frame(1, 42, 1), frame(2, 2), frame(3, 3, 43)]
    patient = [found.track_ids.tolist() for found in track_greedily(frames, patience=1)]
    assert patient == [[1, 2], [2, 1], [1], [1, 2]]
    impatient = [found.track_ids.tolist() for found in track_greedily(frames, patience=0)]
    assert impatient == [[1, 2], [2, 1], [1], [1, 3]]
