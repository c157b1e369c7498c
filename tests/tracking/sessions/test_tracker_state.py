"""A tracker whose state moves to another process goes on as if nothing had happened."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch

from tiny_models import tiny_model
from trackformer import optimize_for_inference
from trackformer.errors import CheckpointError
from trackformer.models.trackformer import TrackFormer
from trackformer.objects import TrackedObjects
from trackformer.tracking.settings import TrackerSettings
from trackformer.tracking.tracker import Tracker
from tracking.test_two_frames import small_model

EAGER = TrackerSettings(birth_score=0.05, keep_score=0.05, reid_score=0.05, patience=2)


ROWS = {"ids", "boxes", "displacements", "scores", "labels", "embeddings"}
ROWS |= {"frames_missed", "unseen_for", "published_counts", "is_started"}


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (48, 64, 3), dtype=np.uint8)


def assert_equal(found: TrackedObjects, expected: TrackedObjects) -> None:
    assert found.frame_index == expected.frame_index
    for name in ("track_ids", "boxes_xyxy", "scores", "labels"):
        assert torch.equal(getattr(found, name), getattr(expected, name)), name


def after_frames(model: TrackFormer, num_frames: int, slots_of: int = 1) -> Tracker:
    tracker = Tracker(model, EAGER, slots_of)
    for seed in range(num_frames):
        tracker.update(noise(seed))
    return tracker


@pytest.mark.parametrize("slots_of", [1, 8])
def test_a_restored_tracker_goes_on_bit_for_bit(eager_model: TrackFormer, slots_of: int):
    tracker = after_frames(eager_model, 3, slots_of)
    assert len(tracker.tracks.ids) > 0
    again = Tracker.restore(eager_model, tracker.state())
    assert again.settings == EAGER
    for seed in range(3, 6):
        assert_equal(again.update(noise(seed)), tracker.update(noise(seed)))
    assert again.tracks.next_id == tracker.tracks.next_id


@pytest.mark.parametrize("distance", [1, 2])
def test_a_model_of_two_frames_still_knows_the_one_before(distance: int):
    model = small_model(multi_frame="separate_encoder")
    settings = EAGER.model_copy(update={"previous_frame_distance": distance})
    tracker = Tracker(model, settings)
    for seed in range(3):
        tracker.update(noise(seed))
    again = Tracker.restore(model, tracker.state())
    assert again.previous_frame is not None
    assert_equal(again.update(noise(3)), tracker.update(noise(3)))


def test_before_the_first_frame_there_is_a_state_too(eager_model: TrackFormer):
    again = Tracker.restore(eager_model, Tracker(eager_model, EAGER).state())
    assert_equal(again.update(noise(0)), Tracker(eager_model, EAGER).update(noise(0)))


def test_another_process_goes_on_bit_for_bit(
    eager_model: TrackFormer, model_file: Path, tmp_path: Path
):
    tracker = after_frames(eager_model, 2)
    (tmp_path / "state").write_bytes(tracker.state())
    np.save(tmp_path / "frame.npy", noise(2))
    program = (
        "import sys, numpy, pathlib, torch; from trackformer import Tracker, load_model\n"
        "torch.set_num_threads(1); folder = pathlib.Path(sys.argv[2])\n"
        "state = (folder / 'state').read_bytes()\n"
        "tracker = Tracker.restore(load_model(sys.argv[1]), state)\n"
        "tracker.update(numpy.load(folder / 'frame.npy'))\n"
        "(folder / 'later').write_bytes(tracker.state())"
    )
    subprocess.run([sys.executable, "-c", program, model_file, tmp_path], check=True)
    tracker.update(noise(2))
    # Not the bytes: safetensors writes the header's entries in any order.
    later = Tracker.restore(eager_model, (tmp_path / "later").read_bytes())
    for each in fields(tracker.tracks):
        found, expected = getattr(later.tracks, each.name), getattr(tracker.tracks, each.name)
        is_same = torch.equal(found, expected) if each.name in ROWS else found == expected
        assert is_same, each.name


def test_a_state_is_small(eager_model: TrackFormer):
    assert len(after_frames(eager_model, 3).state()) < 10_000


def test_another_model_is_refused(eager_model: TrackFormer):
    state = after_frames(eager_model, 1).state()
    other = tiny_model(seed=1)
    with pytest.raises(CheckpointError, match=r"state of a tracker: expected one of this model"):
        Tracker.restore(other, state)
    # Its answers differ in the last digits.
    with pytest.raises(CheckpointError, match=r"got one of another"):
        Tracker.restore(optimize_for_inference(eager_model), state)


def test_thresholds_of_the_tracker_make_no_other_model(eager_model: TrackFormer):
    settings = eager_model.settings.model_copy(update={"tracker": {"patience": 3}})
    own = eager_model.fingerprint()
    before, eager_model.settings = eager_model.settings, settings
    try:
        assert eager_model.fingerprint() == own
    finally:
        eager_model.settings = before


def changed_header(data: bytes, **changes: str) -> bytes:
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])
    header["__metadata__"] |= changes
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data[8 + length :]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: b"", "damaged or no saved state"),
        (lambda data: b"no state at all, but long enough", "damaged or no saved state"),
        (lambda data: data[: len(data) // 2], "damaged or no saved state"),
        (
            lambda data: changed_header(data, format="trackformer-tracker-9"),
            "expected format 'trackformer-tracker-2', got 'trackformer-tracker-9'",
        ),
        (lambda data: changed_header(data, state="{"), "damaged: "),
        (lambda data: changed_header(data, state="[]"), "expected named values"),
        (lambda data: changed_header(data, state="{}"), "damaged: 'fingerprint'"),
    ],
)
def test_a_damaged_state_is_refused_in_one_line(eager_model: TrackFormer, damage, message: str):
    with pytest.raises(CheckpointError, match=message) as caught:
        Tracker.restore(eager_model, damage(after_frames(eager_model, 1).state()))
    assert str(caught.value).startswith("state of a tracker: ")
    assert "\n" not in str(caught.value)
