"""A compiled model sees few shapes, however many tracks there are."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from models.conftest import SIZES
from trackformer.models.fast.optimize import optimize_for_inference
from trackformer.models.settings import DeformableDetrSettings
from trackformer.tracking.tracker import Tracker
from tracking.compiled_tracking import RESTLESS, restless_model


@pytest.mark.parametrize("kind", ["detr", "deformable_detr"])
def test_graphs_are_no_more_than_slot_sizes_and_answers_the_same(kind):
    tests = Path(__file__).parents[1]
    path = os.pathsep.join([str(tests), *sys.path])
    answer = subprocess.run(
        [sys.executable, "-m", "tracking.compiled_tracking", kind],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr[-2000:]
    found = json.loads(answer.stdout)
    assert found["graphs"] <= found["sizes"] < found["counts"]
    assert found["worst"] < 1e-3  # pixels


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_bfloat16_on_a_gpu_tracks_as_float32_does():
    model = restless_model(DeformableDetrSettings(**SIZES)).cuda()
    low = optimize_for_inference(model, torch.bfloat16)
    frame = np.random.default_rng(0).integers(0, 256, (32, 48, 3), dtype=np.uint8)
    first, second = (Tracker(each, RESTLESS).update(frame) for each in (model, low))
    assert abs(len(first) - len(second)) <= 2
    assert second.boxes_xyxy.isfinite().all()
