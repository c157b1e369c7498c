"""Our detectors with the published weights give the published outputs."""

import copy

import pytest
import torch
from torch import Tensor

from golden.published_models import outputs_of, published_detector
from golden.recordings import all_layers, read_recording, recorded_images

DETECTION = [
    "detr_r50_small",
    "detr_r50_small_prenorm",
    "detr_r50_small_dc5",
    "detr_r50_small_segm_panoptic",
    "deformable_r50_small",
    "deformable_r50_small_refine",
    "deformable_r50_small_refine_twostage",
    "deformable_r50_small_singlescale",
]
TRACKING = [
    "trackformer_vanilla_small",
    "trackformer_vanilla_segm_small",
    "trackformer_deformable_singleframe_small",
    "trackformer_deformable_multiframe_small",
    "trackformer_deformable_mergefeatures_small",
]


def float64_outputs(name: str) -> dict[str, Tensor]:
    return read_recording("fp64_outputs")[name]


@pytest.fixture(scope="module", params=[*DETECTION, *TRACKING])
def named_model(request):
    return request.param, published_detector(request.param)


@torch.no_grad()
def test_every_layer_predicts_what_the_published_code_predicts(named_model):
    name, model = named_model
    recording = read_recording(name)

    memory = model.encode(recorded_images(recording))
    output = model.decode(memory, model.object_queries(memory))

    published = outputs_of(recording)
    logits, boxes = all_layers(published, "pred_logits"), all_layers(published, "pred_boxes")
    torch.testing.assert_close(output.class_logits, logits, atol=1e-3, rtol=0)
    torch.testing.assert_close(output.boxes, boxes, atol=3e-4, rtol=0)


@torch.no_grad()
def test_in_double_precision_nothing_but_rounding_differs(named_model):
    name, model = named_model
    recording = read_recording(name)
    model = copy.deepcopy(model).double()

    memory = model.encode(recorded_images(recording, torch.float64))
    output = model.decode(memory, model.object_queries(memory))

    run = ".pt:no_track" if name in TRACKING else ".pt"
    published = float64_outputs(name + run)
    logits = output.class_logits[-1, ..., :6]
    torch.testing.assert_close(logits, published["pred_logits"], atol=1e-6, rtol=0)
    torch.testing.assert_close(output.boxes[-1], published["pred_boxes"], atol=1e-6, rtol=0)


@torch.no_grad()
def test_proposals_are_the_published_first_stage():
    recording = read_recording("deformable_r50_small_refine_twostage")
    model = published_detector("deformable_r50_small_refine_twostage")

    proposals = model.object_queries(model.encode(recorded_images(recording))).proposals

    published = recording["enc_outputs"]
    class_logits = proposals.class_logits[..., 0]
    torch.testing.assert_close(class_logits, published["pred_logits_class0"], atol=1e-3, rtol=0)
    torch.testing.assert_close(proposals.boxes, published["pred_boxes"], atol=1e-4, rtol=0)
