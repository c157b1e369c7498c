"""Two images with a person and a dog each, 40 x 40 pixels: medium-sized for COCO."""

import json

import pytest

from still_images import as_results, write_coco
from trackformer.data.formats.coco.results import read_coco_results, write_coco_results
from trackformer.errors import DataError
from trackformer.evaluation.metrics.coco import evaluate_coco_file, evaluate_detections

HALF_RECALL = 100 * 51 / 101
"""COCO reads precision at 101 recalls from 0 to 1; 51 of them are at most a half."""


@pytest.fixture
def truth(tmp_path):
    return write_coco(tmp_path)


def people(results):
    return [entry for entry in results if entry["category_id"] == 1]


def shifted(entry, pixels):
    x, *others = entry["bbox"]
    return entry | {"bbox": [x + pixels, *others]}


def test_perfect_detections_have_an_average_precision_of_one_hundred(truth):
    table = evaluate_detections(truth, as_results(truth))
    scores = table.combined
    assert (scores.ap, scores.ap50, scores.ap_medium, scores.ar) == (100, 100, 100, 100)
    assert (table.num_images, table.num_boxes, table.num_results) == (2, 4, 4)


def test_sizes_without_objects_have_no_score(truth):
    scores = evaluate_detections(truth, as_results(truth)).combined
    assert (scores.ap_small, scores.ap_large) == (None, None)


def test_each_class_has_a_row_and_the_mean_is_combined(truth):
    table = evaluate_detections(truth, people(as_results(truth)))
    assert [(row.name, row.ap) for row in table.classes] == [("person", 100), ("dog", 0)]
    assert table.combined.ap == 50


def test_half_of_the_objects_give_half_of_the_recalls(truth):
    results = [entry for entry in as_results(truth) if entry["image_id"] == 1]
    assert evaluate_detections(truth, results).combined.ap == pytest.approx(HALF_RECALL)


def test_a_shifted_box_counts_at_loose_thresholds_only(truth):
    # Shifted by 10 of 40 pixels: IoU 30 / 50 = 0.6, matched at 0.5, 0.55 and 0.6 of 10 thresholds.
    scores = evaluate_detections(truth, [shifted(e, 10) for e in as_results(truth)]).combined
    assert (scores.ap50, scores.ap75) == (100, 0)
    assert scores.ap == pytest.approx(30)


def test_a_detection_in_a_crowd_is_no_mistake(truth):
    content = json.loads(truth.read_text())
    crowd = {"id": 9, "image_id": 1, "category_id": 1, "bbox": [80, 50, 40, 40], "iscrowd": 1}
    truth.write_text(json.dumps(content | {"annotations": [*content["annotations"], crowd]}))
    sure = crowd | {"score": 2.0}
    inside = {key: sure[key] for key in ("image_id", "category_id", "bbox", "score")}
    table = evaluate_detections(truth, [*people(as_results(truth)), inside])
    assert (table.classes[0].ap, table.num_boxes) == (100, 4)


def test_without_detections_everything_is_missed(truth):
    assert evaluate_detections(truth, []).combined.ap == 0


def test_results_of_an_unknown_image_are_refused(truth):
    stranger = as_results(truth)[0] | {"image_id": 7}
    with pytest.raises(DataError, match="expected images that it has, got image_id 7"):
        evaluate_detections(truth, [stranger])


def test_result_files_survive_a_round_trip(truth, tmp_path):
    write_coco_results(tmp_path / "out" / "detections.json", as_results(truth))
    assert read_coco_results(tmp_path / "out" / "detections.json") == as_results(truth)
    assert evaluate_coco_file(truth, tmp_path / "out" / "detections.json").combined.ap == 100


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"images": []}', "expected a list of detections, got dict"),
        ('[{"image_id": 1}]', "entry 0: expected image_id, category_id, bbox, score"),
        ('[{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3], "score": 1}]', "entry 0"),
        ("nonsense", "expected a json file"),
    ],
)
def test_malformed_result_files_are_one_line(tmp_path, content, message):
    (tmp_path / "detections.json").write_text(content)
    with pytest.raises(DataError, match=message):
        read_coco_results(tmp_path / "detections.json")
