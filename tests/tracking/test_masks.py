"""Masks of tracks: in the tracker, in its files, in the video."""

import json

import numpy as np
import pytest
import torch

from golden import scripted_detector
from golden.recordings import FOLDER
from models.conftest import SIZES
from trackformer import Tracker, save_model, track_video
from trackformer.data.formats.mot.mots import read_mots_results
from trackformer.input_settings import InputSettings
from trackformer.masks import disjoint_masks_at, mask_probabilities
from trackformer.models.build import build_model
from trackformer.models.settings import DeformableDetrSettings, ModelSettings
from trackformer.tracking.masks import track_masks

EAGER = {"birth_score": 0.0, "keep_score": 0.0, "birth_nms_iou": None, "track_nms_iou": None}


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    settings = ModelSettings(
        detector=DeformableDetrSettings(**SIZES | {"masks": True, "num_queries": 3}),
        input=InputSettings(area=64 * 96, multiple_of=32),
        tracker=EAGER,
    )
    model = build_model(settings).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.1)
    return model


@pytest.fixture
def frames():
    return np.random.default_rng(0).integers(0, 255, (3, 48, 64, 3), dtype=np.uint8)


def test_a_trackers_masks_have_the_size_of_the_frame_and_never_overlap(model, frames):
    tracker = Tracker(model)
    for frame in frames:
        objects = tracker.update(frame)
        assert objects.masks.shape == (len(objects), 48, 64)
        assert objects.masks.sum(0).max() <= 1
    assert objects.masks.any()


def test_masks_travel_to_supervision(model, frames):
    objects = Tracker(model).update(frames[0])
    assert objects.to_supervision().mask.shape == (len(objects), 48, 64)


def test_a_lost_track_has_no_mask(model, frames):
    strict = Tracker(model, Tracker(model).settings.model_copy(update={"birth_score": 1.0}))
    assert strict.update(frames[0]).masks.shape == (0, 48, 64)


def test_a_video_of_masks_leaves_mots_lines_and_run_lengths(model, make_clip, tmp_path):
    run = track_video(model, make_clip(), tmp_path / "out")
    assert tmp_path / "out" / "tracks_mots.txt" in run.files
    results = read_mots_results(tmp_path / "out" / "tracks_mots.txt")
    lines = (tmp_path / "out" / "tracks.jsonl").read_text().splitlines()
    objects = json.loads(lines[results[0].frame_index])["objects"]
    counts = {entry["track_id"]: entry["mask"]["counts"] for entry in objects}
    for track_id, outline in zip(results[0].track_ids, results[0].outlines, strict=True):
        assert outline.image_size == (48, 64)
        assert counts[track_id] == outline.counts


def test_masks_are_kept_by_saving_the_model(model, frames, tmp_path):
    from trackformer import load_model

    save_model(model, tmp_path / "m.safetensors")
    again = load_model(tmp_path / "m.safetensors")
    first, second = (Tracker(each).update(frames[0]).masks for each in (model, again))
    assert torch.equal(first, second)


def test_masks_of_a_scripted_video_are_the_published_ones():
    """Recorded: the pixels of every track in twelve frames, at every sixteenth row and column."""
    recorded = json.loads((FOLDER / "tracker_masks.json").read_text())
    size = (scripted_detector.HEIGHT, scripted_detector.WIDTH)
    for frame in recorded:
        boxes = torch.tensor(frame["boxes"]).reshape(-1, 4)
        logits = scripted_masks(boxes, torch.tensor(frame["scores"]))
        # The published network saw the frame at half its size.
        probabilities = mask_probabilities(logits, (240, 320), (240, 320))
        masks = disjoint_masks_at(probabilities, size)
        assert masks.flatten(1).sum(1).tolist() == frame["areas"]
        owners = masks[:, ::16, ::16].long() * torch.arange(1, len(masks) + 1)[:, None, None]
        assert owners.sum(0).flatten().tolist() == frame["owners"]


def scripted_masks(boxes_xyxy, scores):
    """Ellipses in the boxes, clearer for higher scores, at a twentieth of the size."""
    scale = torch.tensor([32 / 640, 24 / 480])
    low, high = boxes_xyxy[:, :2] * scale, boxes_xyxy[:, 2:] * scale
    centres, radii = (low + high) / 2, ((high - low) / 2).clamp(min=0.2)
    y, x = torch.meshgrid(torch.arange(24) + 0.5, torch.arange(32) + 0.5, indexing="ij")
    across = (x - centres[:, 0, None, None]) / radii[:, 0, None, None]
    along = (y - centres[:, 1, None, None]) / radii[:, 1, None, None]
    return (3 * (1 - across**2 - along**2) * (scores[:, None, None] + 0.2)).clamp(-8, 8)


def test_tracks_of_before_have_the_mask_of_their_own_embedding(model, frames):
    tracker = Tracker(model)
    tracker.update(frames[0])
    objects = tracker.update(frames[1])
    from trackformer.tracking.prepared_frame import prepare

    with torch.inference_mode():
        images = prepare(model, frames[1], torch.device("cpu"))
        memory = model.encode(images)
        again = track_masks(model, memory, tracker.tracks, images, (48, 64))
    assert torch.equal(objects.masks, again)
