"""A compiled model sees few shapes, however many tracks there are."""

import numpy as np
import pytest
import torch

from models.conftest import SIZES
from trackformer.input_settings import InputSettings
from trackformer.models.build import build_model
from trackformer.models.fast.optimize import optimize_for_inference
from trackformer.models.settings import DeformableDetrSettings, DetrSettings, ModelSettings
from trackformer.tracking.settings import TrackerSettings
from trackformer.tracking.tracker import Tracker

SLOTS = 16
# Births everywhere, and every track forgotten after a while: their number changes every frame.
RESTLESS = TrackerSettings(
    birth_score=0.5,
    keep_score=0.505,
    reid_score=0.505,
    patience=5,
    track_nms_iou=None,
    birth_nms_iou=None,
    max_tracks=40,
)


def restless_model(settings):
    torch.manual_seed(0)
    model = build_model(
        ModelSettings(detector=settings, input=InputSettings(shorter_side=32))
    ).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "class_head" in name and name.endswith("bias"):
                parameter.zero_()
            parameter.add_(torch.randn_like(parameter), alpha=0.02)
    return model


@pytest.mark.parametrize(
    "settings",
    [
        DetrSettings(**SIZES, classification="sigmoid"),
        DeformableDetrSettings(**SIZES),
    ],
    ids=lambda settings: settings.kind,
)
def test_graphs_are_no_more_than_slot_sizes_and_answers_the_same(settings):
    torch.compiler.reset()
    graphs = []

    def counting(graph, _inputs):
        graphs.append(graph)
        return graph.forward

    model = optimize_for_inference(restless_model(settings))
    compiled = torch.compile(model, backend=counting, dynamic=False, fullgraph=True)
    padded, plain = Tracker(compiled, RESTLESS, slots_of=SLOTS), Tracker(model, RESTLESS)
    random = np.random.default_rng(0)
    counts = set()
    for _ in range(40):
        counts.add(len(plain.tracks.ids))
        frame = random.integers(0, 256, (32, 48, 3), dtype=np.uint8)
        found, expected = padded.update(frame), plain.update(frame)
        assert found.track_ids.tolist() == expected.track_ids.tolist()
        torch.testing.assert_close(found.boxes_xyxy, expected.boxes_xyxy, atol=1e-3, rtol=1e-4)
    sizes = {-(-count // SLOTS) for count in counts}
    assert len(graphs) <= len(sizes) < len(counts)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_bfloat16_on_a_gpu_tracks_as_float32_does():
    model = restless_model(DeformableDetrSettings(**SIZES)).cuda()
    low = optimize_for_inference(model, torch.bfloat16)
    frame = np.random.default_rng(0).integers(0, 256, (32, 48, 3), dtype=np.uint8)
    first, second = (Tracker(each, RESTLESS).update(frame) for each in (model, low))
    assert abs(len(first) - len(second)) <= 2
    assert second.boxes_xyxy.isfinite().all()
