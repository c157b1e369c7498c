"""Our detectors with the published weights give the published outputs."""

import pytest
import torch
from torch import Tensor

from golden.answers import DETECTORS, TRACKFORMERS, answer, recorded_answer
from golden.published_models import in_precision, published_detector
from golden.recordings import read_recording, recorded_images
from golden.spread import Numbers, beyond_spread
from trackformer.types import DecoderOutput


def float64_outputs(name: str) -> dict[str, Tensor]:
    return read_recording("fp64_outputs")[name]


@pytest.fixture(scope="module", params=[*DETECTORS, *TRACKFORMERS])
def answered(request) -> tuple[str, DecoderOutput]:
    """A recording's name, and what our detector with its weights answers in float64."""
    model = published_detector(request.param).double()
    with torch.no_grad():
        memory = model.encode(recorded_images(read_recording(request.param), torch.float64))
        return request.param, model.decode(memory, model.object_queries(memory))


def test_every_layer_predicts_what_the_published_code_predicts(answered):
    name, output = answered
    recorded = recorded_answer(name, "no_track").outputs
    ours = Numbers(outputs={"logits": output.class_logits, "boxes": output.boxes})
    theirs = Numbers(outputs={key: recorded[key] for key in ours.outputs})
    assert not beyond_spread(f"{name}, no_track", ours, theirs)


def test_in_double_precision_nothing_but_rounding_differs(answered):
    name, output = answered
    run = ".pt:no_track" if name in TRACKFORMERS else ".pt"
    published = float64_outputs(name + run)
    logits = output.class_logits[-1, ..., :6]
    torch.testing.assert_close(logits, published["pred_logits"], atol=1e-6, rtol=0)
    torch.testing.assert_close(output.boxes[-1], published["pred_boxes"], atol=1e-6, rtol=0)


def test_proposals_are_the_published_first_stage():
    name = "deformable_r50_small_refine_twostage"
    ours = answer(in_precision(name, torch.float64), name, "proposals")
    assert not beyond_spread(f"{name}, proposals", ours, recorded_answer(name, "proposals"))
