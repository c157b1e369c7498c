"""The published logs' class and cardinality errors, on recorded outputs and by hand."""

import pytest
import torch
from torch import tensor

from golden.recordings import all_layers, read_recording
from trackformer.training.matching import match
from trackformer.training.settings import MatchingSettings
from trackformer.training.watching.published_errors import cardinality_error, class_error
from training.test_published_detection_steps import TRACKING
from training.test_published_training import DETECTING, DETECTION, output_of, targets_of
from training.worlds import box, target


@pytest.mark.parametrize("name", [*DETECTION, *TRACKING])
def test_recorded_outputs_have_the_published_errors(name):
    recording, published = read_recording(name), read_recording("detection_steps")[name]
    targets = targets_of(published)
    has_no_object_class = name.startswith("detr") or "vanilla" in name
    run = recording.get("no_track", recording)
    output = output_of(run, has_no_object_class=has_no_object_class)

    costs = MatchingSettings(class_cost=1.0 if has_no_object_class else 2.0)
    target_index = match(output, targets, DETECTING, costs)
    logits = all_layers(run["outputs"], "pred_logits")
    ours = {"class_error": class_error(logits[-1], target_index[-1], targets)}
    for layer, each in enumerate(logits):
        key = "cardinality_error" + ("" if layer == len(logits) - 1 else f"_{layer}")
        # With sigmoids the published code reads the last class as no object.
        ours[key] = cardinality_error(each, targets, has_no_object_class=True)
    assert ours == pytest.approx(published["errors"], rel=1e-5)


def test_one_of_two_objects_has_the_wrong_class():
    seen = target([box(0.2, 0.5), box(0.8, 0.5)], labels=[0, 1])
    logits = tensor([[[2.0, 1.0, 0.0], [0.0, 1.0, 2.0], [0.0, 0.0, 1.0]]])
    assert class_error(logits, tensor([[0, 1, -1]]), [seen]) == 50
    assert class_error(logits, tensor([[-1, -1, -1]]), [seen]) is None


def test_sigmoid_models_believe_in_scores_above_a_half():
    # Three objects are believed in, two are there; the last class is a class.
    logits = tensor([[[-9.0, 1.0], [-9.0, 1.0], [-9.0, 2.0], [-2.0, -1.0]]])
    seen = target([box(0.2, 0.5), box(0.8, 0.5)])
    assert cardinality_error(logits, [seen], has_no_object_class=False) == 1
    assert cardinality_error(logits, [seen], has_no_object_class=True) == 2
    nothing = torch.full((1, 4, 2), -9.0)
    assert cardinality_error(nothing, [seen], has_no_object_class=False) == 2
