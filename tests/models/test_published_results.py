"""Scores, classes and pixel boxes of the published post-processing."""

import pytest
import torch
from torch import Tensor

from golden.answers import TRACKFORMERS
from golden.recordings import read_recording
from trackformer.boxes import to_pixels_xyxy
from trackformer.models.parts.best_pairs import best_pairs
from trackformer.types import ModelOutput, Predictions, predictions_of
from training.test_published_training import DETECTION, NO_MEMORY

DETR = [name for name in DETECTION if name.startswith("detr")]
DEFORMABLE = [name for name in DETECTION if name.startswith("deformable")]


@pytest.mark.parametrize("name", DETR)
def test_every_query_of_detr_has_its_best_class(name):
    output = output_of(read_recording(name)["outputs"], has_no_object_class=True)
    for image in range(2):
        assert_results(predictions_of(output, image), name, image)


@pytest.mark.parametrize("name", DEFORMABLE)
def test_deformable_detr_has_the_hundred_best_pairs_of_query_and_class(name):
    output = output_of(read_recording(name)["outputs"], has_no_object_class=False)
    for image in range(2):
        assert_results(best_pairs(output, image), name, image)


@pytest.mark.parametrize("name", TRACKFORMERS)
def test_every_query_of_a_tracker_has_its_best_class(name):
    recording = read_recording(name)
    # Recorded without a previous frame.
    with_tracks = recording.get("with_track_prevfeat_none", recording["with_track"])
    runs = {"results": recording["no_track"], "results_with_track": with_tracks}
    for key, run in runs.items():
        output = output_of(run["outputs"], has_no_object_class="vanilla" in name)
        for image in range(2):
            assert_results(predictions_of(output, image), name, image, key)


def test_fewer_pairs_than_asked_for_are_all():
    # Two queries of three classes: 0.9 and 0.8 are of the same query.
    scores = torch.tensor([[[0.1, 0.9, 0.8], [0.3, 0.2, 0.7]]])
    boxes = torch.tensor([[[0.1, 0.1, 0.2, 0.2], [0.5, 0.5, 0.2, 0.2]]])
    output = output_of(
        {"pred_logits": scores.logit(), "pred_boxes": boxes},
        has_no_object_class=False,
    )
    pairs = best_pairs(output, count=4)
    assert pairs.labels.tolist() == [1, 2, 2, 0]
    assert pairs.boxes[:, 0].tolist() == pytest.approx([0.1, 0.1, 0.5, 0.5])
    assert len(best_pairs(output).scores) == 6


def assert_results(ours: Predictions, name: str, image: int, key: str = "results") -> None:
    recording = read_recording("detection_steps")[name]
    published = recording[key][image]
    height, width = recording["orig_sizes"][image]
    pixels = to_pixels_xyxy(ours.boxes, (height, width))
    torch.testing.assert_close(ours.scores, published["scores"], atol=1e-5, rtol=0)
    assert torch.equal(ours.labels, published["labels"])
    torch.testing.assert_close(pixels, published["boxes"], atol=1e-2, rtol=0)


def output_of(outputs: dict[str, Tensor], *, has_no_object_class: bool) -> ModelOutput:
    boxes = outputs["pred_boxes"][None]
    batch_size, num_queries = boxes.shape[1:3]
    return ModelOutput(
        class_logits=outputs["pred_logits"][None],
        boxes=boxes,
        embeddings=torch.zeros(batch_size, num_queries, 1),
        is_padding=torch.zeros(batch_size, num_queries, dtype=torch.bool),
        memory=NO_MEMORY,
        num_track_queries=0,
        has_no_object_class=has_no_object_class,
    )
