"""A compiled model beside a plain one on 40 frames, as a program of its own.

The shape checks of the test suite cannot be traced, so `test_compiled` runs this without them.
"""

import json
import sys

import numpy as np
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


def compare(kind: str) -> dict[str, float]:
    """How many graphs were made, for how many sizes and numbers of tracks; the largest error."""
    settings = {
        "detr": DetrSettings(**SIZES, classification="sigmoid"),
        "deformable_detr": DeformableDetrSettings(**SIZES),
    }[kind]
    graphs = []

    def counting(graph, _inputs):
        graphs.append(graph)
        return graph.forward

    model = restless_model(settings)
    compiled = optimize_for_inference(model)
    compiled.compile(backend=counting, dynamic=False, fullgraph=True)
    padded, plain = Tracker(compiled, RESTLESS, slots_of=SLOTS), Tracker(model, RESTLESS)
    random = np.random.default_rng(0)
    counts, worst = set(), 0.0
    for _ in range(40):
        counts.add(len(plain.tracks.ids))
        frame = random.integers(0, 256, (32, 48, 3), dtype=np.uint8)
        found, expected = padded.update(frame), plain.update(frame)
        assert found.track_ids.tolist() == expected.track_ids.tolist()
        if len(found):
            worst = max(worst, float((found.boxes_xyxy - expected.boxes_xyxy).abs().max()))
    sizes = {-(-count // SLOTS) for count in counts}
    return {"graphs": len(graphs), "sizes": len(sizes), "counts": len(counts), "worst": worst}


if __name__ == "__main__":
    found = {}
    for kind in sys.argv[1:]:
        torch.compiler.reset()  # what was compiled for one architecture is in the other's way
        found[kind] = compare(kind)
    sys.stdout.write(json.dumps(found))
