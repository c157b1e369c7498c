"""Boxes that a person draws in CVAT, as CVAT's own agent asks for them, without a server."""

from __future__ import annotations

from types import SimpleNamespace

import av
import numpy as np
import PIL.Image
import pytest
import torch

pytest.importorskip("cvat_cli", reason="needs the extra cvat")

from cvat_cli._internal import agent_driver_tracking as cvat_tracking
from cvat_cli._internal.agent import get_function_driver_class
from cvat_cli._internal.agent_driver import set_worker_current_function
from cvat_cli._internal.common import FunctionLoader

from tiny_models import tiny_model
from trackformer.boxes import paired_iou
from trackformer.cvat import BoxFollower, create
from trackformer.demo_clip import clip_file, ground_truth_file
from trackformer.errors import CheckpointError, ConfigError
from trackformer.models.trackformer import TrackFormer
from trackformer.tracking.settings import TrackerSettings


class StoredTask(cvat_tracking.AgentTrackingFunctionDriver):
    """The agent's driver over frames at hand, in this process."""

    def __init__(self, function, images):
        executor = SimpleNamespace(
            submit=lambda work, *arguments: work(*arguments), result=lambda result: result
        )
        super().__init__(None, executor, function.spec)
        set_worker_current_function(function)
        ids = iter(range(99))
        self.init_worker(lambda: f"state-{next(ids)}")
        self._images = images

    def _get_sample_from_ar_params(self, ar_params):
        image = self._images[ar_params["frame"]]
        return SimpleNamespace(media=SimpleNamespace(load_image=lambda: image)), None

    def draw(self, frame, *boxes):
        shapes = [{"type": "rectangle", "points": list(box)} for box in boxes]
        asked = {"type": "init_tracking", "task": 1, "frame": frame, "shapes": shapes}
        return self.calculate_result_for_ar(asked, None)["states"]

    def follow(self, frame, states):
        asked = {"type": "track", "task": 1, "frame": frame, "states": states}
        return self.calculate_result_for_ar(asked, None)["shapes"]


@pytest.fixture(scope="module")
def clip():
    """The first frames of the bundled clip, and where its first person is in them (pixels)."""
    with clip_file() as path, av.open(str(path)) as video:
        images = [
            frame.to_image() for frame, _ in zip(video.decode(video=0), range(9), strict=False)
        ]
    with ground_truth_file() as path:
        rows = [row for row in np.loadtxt(path, delimiter=",") if row[1] == 1]
    # Left and top count from 1 in MOTChallenge's files.
    boxes = {int(row[0]) - 1: [row[2] - 1, row[3] - 1, *(row[2:4] - 1 + row[4:6])] for row in rows}
    return images, boxes


def iou(one, other):
    return float(paired_iou(torch.tensor([one]), torch.tensor([other]).to(torch.float32)))


def test_a_box_of_a_person_is_followed_by_the_bundled_model(clip):
    images, boxes = clip
    function = FunctionLoader("trackformer.cvat", None, {"model": "nano"}).load()
    assert get_function_driver_class(function.spec) is StoredTask.__base__
    task = StoredTask(function, images)
    states = task.draw(0, boxes[0])
    for frame in range(1, 9):
        (shape,) = task.follow(frame, states)
        assert shape["type"] == "rectangle"
    assert iou(shape["points"], boxes[8]) > 0.6


@pytest.fixture(scope="module")
def eager():
    """Follows whatever it is given: a random model is sure of nothing."""
    settings = TrackerSettings(birth_score=1, keep_score=0, reid_score=0, track_nms_iou=None)
    return BoxFollower(tiny_model("rt_detr"), settings)


@pytest.fixture
def task(eager):
    random = np.random.default_rng(0)
    shapes = [random.integers(0, 256, (60, 80, 3), dtype=np.uint8) for _ in range(4)]
    return StoredTask(eager, [PIL.Image.fromarray(pixels) for pixels in shapes])


def test_boxes_are_followed_each_on_its_own(task):
    together = task.draw(0, [10, 20, 30, 50], [40, 5, 60, 30])
    assert together == ["state-0", "state-1"]
    both = [task.follow(frame, together) for frame in (1, 2)]
    alone = task.draw(0, [40, 5, 60, 30])
    for frame, (_, expected) in zip((1, 2), both, strict=True):
        (shape,) = task.follow(frame, alone)
        assert shape["points"] == pytest.approx(expected["points"], abs=1e-3)


def test_a_frame_is_encoded_once_for_all_boxes(task, eager, monkeypatch):
    calls = []
    encode = TrackFormer.encode
    monkeypatch.setattr(
        TrackFormer, "encode", lambda self, *rest: calls.append(1) or encode(self, *rest)
    )
    task.follow(1, task.draw(0, [10, 20, 30, 50], [40, 5, 60, 30], [1, 1, 20, 20]))
    assert len(calls) == 2


def test_a_box_may_be_drawn_from_any_corner(task):
    states = task.draw(0, [30, 50, 10, 20], [10, 20, 30, 50])
    one, other = task.follow(1, states)
    assert one["points"] == other["points"]


def test_a_box_that_is_not_seen_is_none(task):
    never_seen = TrackerSettings(birth_score=1, keep_score=1, reid_score=1)
    task = StoredTask(BoxFollower(tiny_model("rt_detr"), never_seen), task._images)
    states = task.draw(0, [10, 20, 30, 50])
    assert [task.follow(frame, states) for frame in (1, 2)] == [[None], [None]]


def test_mistakes_are_said_before_anything_is_asked():
    with pytest.raises(CheckpointError, match=r"nanoo: expected a .safetensors file"):
        create(model="nanoo")
    with pytest.raises(ConfigError, match="keep_score"):
        create(keep_score=2.0)
