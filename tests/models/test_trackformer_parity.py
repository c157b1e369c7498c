"""TrackFormer with the published weights gives the published outputs, on one frame and on two."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor

from golden.published_models import published_trackformer
from golden.recordings import all_layers, read_recording, recorded_images
from golden.weights_recipe import make_image
from trackformer.types import Images, ModelOutput, TrackQueries

NAMES = [
    "trackformer_vanilla_small",
    "trackformer_vanilla_segm_small",
    "trackformer_deformable_singleframe_small",
    "trackformer_deformable_multiframe_small",
    "trackformer_deformable_mergefeatures_small",
]
TWO_FRAMES = NAMES[3:]


@pytest.fixture(scope="module", params=NAMES)
def named_model(request):
    return request.param, published_trackformer(request.param)


@pytest.fixture(scope="module", params=TWO_FRAMES)
def named_two_frame_model(request):
    return request.param, published_trackformer(request.param)


@torch.no_grad()
def test_tracks_are_answered_as_published(named_model):
    name, model = named_model
    recording = read_recording(name)

    before = model(previous_images(recording))
    tracks = recorded_tracks(recording["with_track"])
    output = model(recorded_images(recording), tracks, before)

    left = carried(before, recording["with_track"]["selected_prev_queries"])
    torch.testing.assert_close(left.embeddings, tracks.embeddings, atol=1e-3, rtol=0)
    published = recording["with_track"]["outputs"]
    logits, boxes = all_layers(published, "pred_logits"), all_layers(published, "pred_boxes")
    torch.testing.assert_close(output.class_logits, logits, atol=1e-3, rtol=0)
    torch.testing.assert_close(output.boxes, boxes, atol=3e-4, rtol=0)
    # What is carried into the next frame: for plain DETR from before the final LayerNorm.
    torch.testing.assert_close(output.embeddings, published["hs_embed"], atol=1e-3, rtol=0)


@torch.no_grad()
def test_two_frames_in_double_precision_differ_by_rounding_only(named_model):
    name, model = named_model
    recording = read_recording(name)
    model = copy.deepcopy(model).double()

    before = model(previous_images(recording, torch.float64))
    tracks = recorded_tracks(recording["with_track"], torch.float64)
    output = model(recorded_images(recording, torch.float64), tracks, before)

    published = read_recording("fp64_outputs")[f"{name}.pt:with_track"]
    logits, embeddings = output.class_logits[-1, ..., :6], output.embeddings[..., :16]
    torch.testing.assert_close(logits, published["pred_logits"], atol=1e-6, rtol=0)
    torch.testing.assert_close(output.boxes[-1], published["pred_boxes"], atol=1e-6, rtol=0)
    torch.testing.assert_close(embeddings, published["hs_embed"], atol=1e-6, rtol=0)


@torch.no_grad()
def test_the_previous_frame_alone_is_answered_as_published(named_two_frame_model):
    name, model = named_two_frame_model
    recording = read_recording(name)
    output = model(previous_images(recording))
    assert_last_layer(output, recording["prev_frame"]["outputs"])


@torch.no_grad()
def test_without_a_previous_frame_the_current_one_stands_in(named_two_frame_model):
    name, model = named_two_frame_model
    recording = read_recording(name)
    output = model(recorded_images(recording), recorded_tracks(recording["with_track"]))
    assert_last_layer(output, recording["with_track_prevfeat_none"]["outputs"])


@torch.no_grad()
def test_frames_with_padding_elsewhere_are_answered_as_published(named_two_frame_model):
    name, model = named_two_frame_model
    recording = read_recording(name)
    other = recording["with_track_prev_padding_differs"]

    sizes = {"image_sizes": other["prev_image_sizes"]}
    before = model(previous_images(recording | sizes))
    output = model(recorded_images(recording), recorded_tracks(other), before)

    logits = before.class_logits[-1]
    torch.testing.assert_close(logits, other["prev_pred_logits"], atol=1e-3, rtol=0)
    assert_last_layer(output, other["outputs"])


@pytest.mark.parametrize("name", NAMES[2:])
@torch.no_grad()
def test_a_track_beyond_the_image_is_answered_as_published(name):
    model = published_trackformer(name)
    recording = read_recording(name)
    tracks = recorded_tracks(recording["with_track"])
    tracks.boxes[:, 0] = torch.tensor([-0.05, 1.08, 0.3, 0.4])
    before = model(previous_images(recording))
    output = model(recorded_images(recording), tracks, before)
    assert_last_layer(output, recording["with_track_overflow_ref"]["outputs"])


@pytest.mark.parametrize("name", TWO_FRAMES)
@torch.no_grad()
def test_what_compatibility_changes_is_as_large_as_documented(name):
    """4.0 and 3.0 logits by dividing offsets by (width, height): see docs/compatibility.md."""
    recording = read_recording(name)
    output = published_trackformer(name, compatibility="none")(recorded_images(recording))
    difference = output.class_logits[-1] - recording["no_track"]["outputs"]["pred_logits"]
    assert difference.abs().max() > 1


def assert_last_layer(output: ModelOutput, published: dict[str, Tensor]) -> None:
    logits, boxes = published["pred_logits"], published["pred_boxes"]
    torch.testing.assert_close(output.class_logits[-1], logits, atol=1e-3, rtol=0)
    torch.testing.assert_close(output.boxes[-1], boxes, atol=3e-4, rtol=0)


def previous_images(recording: dict[str, Any], dtype: torch.dtype = torch.float32) -> Images:
    sizes = zip(recording["prev_image_keys"], recording["image_sizes"], strict=True)
    images = Images.from_list([make_image(key, *size) for key, size in sizes])
    return Images(images.pixels.to(dtype), images.is_padding, images.image_sizes)


def recorded_tracks(recording: dict[str, Any], dtype: torch.dtype = torch.float32) -> TrackQueries:
    embeddings, boxes = (
        torch.stack([target[key] for target in recording["targets_in"]]).to(dtype)
        for key in ("track_query_hs_embeds", "track_query_boxes")
    )
    return TrackQueries(embeddings, boxes, torch.zeros(boxes.shape[:2], dtype=torch.bool))


def carried(output: ModelOutput, rows: list[Tensor]) -> TrackQueries:
    embeddings = torch.stack([output.embeddings[i, row] for i, row in enumerate(rows)])
    boxes = torch.stack([output.boxes[-1, i, row] for i, row in enumerate(rows)])
    return TrackQueries(embeddings, boxes, torch.zeros(boxes.shape[:2], dtype=torch.bool))
