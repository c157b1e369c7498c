"""A compiled model sees few shapes, however many tracks there are."""

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from models.conftest import SIZES
from trackformer.models.fast.optimize import optimize_for_inference
from trackformer.models.settings import DeformableDetrSettings, DetrSettings
from trackformer.tracking.tracker import Tracker
from tracking.compiled_tracking import RESTLESS, restless_model

KINDS = ("detr", "deformable_detr")


@pytest.fixture(scope="module")
def compared() -> dict[str, dict[str, float]]:
    """By architecture; from one process, as it takes long to import torch's compiler."""
    tests = Path(__file__).parents[1]
    path = os.pathsep.join([str(tests), *sys.path])
    answer = subprocess.run(
        [sys.executable, "-m", "tracking.compiled_tracking", *KINDS],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr[-2000:]
    return json.loads(answer.stdout)


@pytest.mark.parametrize("kind", KINDS)
def test_graphs_are_no_more_than_slot_sizes_and_answers_the_same(compared, kind):
    found = compared[kind]
    assert found["graphs"] <= found["sizes"] < found["counts"]
    assert found["worst"] < 1e-3  # pixels


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("kind", [DetrSettings, DeformableDetrSettings])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_gpu_replays_frames_as_it_runs_them_and_waits_once(kind, dtype):
    sizes = SIZES if kind is DeformableDetrSettings else SIZES | {"classification": "sigmoid"}
    model = restless_model(kind(**sizes)).cuda()
    trackers = [
        Tracker(optimize_for_inference(model, dtype, cuda_graphs=graphs), RESTLESS)
        for graphs in (True, False)
    ]
    frames = np.random.default_rng(0).integers(0, 256, (12, 32, 48, 3), dtype=np.uint8)
    for number, frame in enumerate(frames):
        if number == 8:  # all sizes came before; from here on a wait beyond one is an error
            torch.cuda.set_sync_debug_mode("warn")
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                replayed, launched = (tracker.update(frame) for tracker in trackers)
        finally:
            if number == len(frames) - 1:
                torch.cuda.set_sync_debug_mode("default")
        waits = [each for each in caught if "synchronizing" in str(each.message)]
        assert len(waits) <= 2  # one for each tracker
        assert not [each for each in caught if "cannot be recorded" in str(each.message)]
        assert replayed.boxes_xyxy.isfinite().all()
        if dtype == torch.float32:  # in 16 bits, the padding of queries may round scores otherwise
            assert replayed.track_ids.tolist() == launched.track_ids.tolist()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_bfloat16_on_a_gpu_tracks_as_float32_does():
    model = restless_model(DeformableDetrSettings(**SIZES)).cuda()
    low = optimize_for_inference(model, torch.bfloat16)
    frame = np.random.default_rng(0).integers(0, 256, (32, 48, 3), dtype=np.uint8)
    first, second = (Tracker(each, RESTLESS).update(frame) for each in (model, low))
    assert abs(len(first) - len(second)) <= 2
    assert second.boxes_xyxy.isfinite().all()
