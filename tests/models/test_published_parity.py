"""Our detectors with the published weights give the published outputs."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from golden.recordings import all_layers, published_weights, read_recording, recorded_images
from models.conftest import with_tracks_in_front
from trackformer.checkpoints.published_names import (
    from_published_deformable_detr,
    from_published_detr,
)
from trackformer.models.deformable_detr import DeformableDetr
from trackformer.models.detr import Detr
from trackformer.models.settings import BackboneSettings, DeformableDetrSettings, DetrSettings
from trackformer.types import DecoderQueries

DETECTION = [
    "detr_r50_small",
    "detr_r50_small_prenorm",
    "detr_r50_small_dc5",
    "deformable_r50_small",
    "deformable_r50_small_refine",
    "deformable_r50_small_refine_twostage",
    "deformable_r50_small_singlescale",
]
TRACKING = ["trackformer_vanilla_small", "trackformer_deformable_singleframe_small"]


def published_model(name: str) -> nn.Module:
    recording = read_recording(name)
    args = recording["args"]
    sizes = {
        "backbone": BackboneSettings(dilation=args["dilation"]),
        "embedding_size": args["hidden_dim"],
        "num_heads": args["nheads"],
        "num_encoder_layers": args["enc_layers"],
        "num_decoder_layers": args["dec_layers"],
        "feedforward_size": args["dim_feedforward"],
        "num_queries": args["num_queries"],
    }
    is_trackformer = "trackformer" in name
    num_logits = outputs_of(recording)["pred_logits"].shape[-1]
    if "deformable" in name:
        settings = DeformableDetrSettings(
            **sizes,
            num_levels=args["num_feature_levels"],
            box_refinement=args["with_box_refine"],
            two_stage=args["two_stage"],
            offset_normalizer="height_width" if is_trackformer else "width_height",
        )
        deformable = DeformableDetr(settings, num_logits)
        deformable.load_state_dict(from_published_deformable_detr(published_weights(name)))
        return deformable.eval()
    detr_settings = DetrSettings(
        **sizes,
        pre_norm=args["pre_norm"],
        position_encoding="sine_centred" if is_trackformer else "sine",
    )
    detr = Detr(detr_settings, num_logits - 1)
    detr.load_state_dict(from_published_detr(published_weights(name)))
    return detr.eval()


def outputs_of(recording: dict[str, Any]) -> dict[str, Any]:
    return recording["no_track"]["outputs"] if "no_track" in recording else recording["outputs"]


def float64_outputs(name: str) -> dict[str, Tensor]:
    return read_recording("fp64_outputs")[name]


@pytest.fixture(scope="module", params=[*DETECTION, *TRACKING])
def named_model(request):
    return request.param, published_model(request.param)


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
    model = published_model("deformable_r50_small_refine_twostage")

    proposals = model.object_queries(model.encode(recorded_images(recording))).proposals

    published = recording["enc_outputs"]
    class_logits = proposals.class_logits[..., 0]
    torch.testing.assert_close(class_logits, published["pred_logits_class0"], atol=1e-3, rtol=0)
    torch.testing.assert_close(proposals.boxes, published["pred_boxes"], atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", TRACKING)
@torch.no_grad()
def test_track_queries_are_answered_as_in_trackformer(name):
    recording = read_recording(name)["with_track"]
    model = published_model(name)
    memory = model.encode(recorded_images(read_recording(name)))

    output = model.decode(memory, recorded_queries(model.object_queries(memory), recording))

    published = recording["outputs"]
    logits, boxes = all_layers(published, "pred_logits"), all_layers(published, "pred_boxes")
    torch.testing.assert_close(output.class_logits, logits, atol=1e-3, rtol=0)
    torch.testing.assert_close(output.boxes, boxes, atol=3e-4, rtol=0)
    # What is carried into the next frame: for plain DETR from before the final LayerNorm.
    torch.testing.assert_close(output.embeddings, published["hs_embed"], atol=1e-3, rtol=0)


@torch.no_grad()
def test_a_track_beyond_the_image_is_answered_as_in_trackformer():
    name = "trackformer_deformable_singleframe_small"
    recording = read_recording(name)
    for target in recording["with_track"]["targets_in"]:
        target["track_query_boxes"][0] = torch.tensor([-0.05, 1.08, 0.3, 0.4])
    model = published_model(name)
    memory = model.encode(recorded_images(recording))

    queries = recorded_queries(model.object_queries(memory), recording["with_track"])
    output = model.decode(memory, queries)

    published = recording["with_track_overflow_ref"]["outputs"]
    logits, boxes = published["pred_logits"], published["pred_boxes"]
    torch.testing.assert_close(output.class_logits[-1], logits, atol=1e-3, rtol=0)
    torch.testing.assert_close(output.boxes[-1], boxes, atol=3e-4, rtol=0)


def recorded_queries(objects: DecoderQueries, recording: dict[str, Any]) -> DecoderQueries:
    """The recorded tracks in front: their embedding as content, no position, their centre."""
    content = torch.stack([target["track_query_hs_embeds"] for target in recording["targets_in"]])
    boxes = torch.stack([target["track_query_boxes"] for target in recording["targets_in"]])
    no_padding = torch.zeros(boxes.shape[:2], dtype=torch.bool)
    joined = with_tracks_in_front(objects, no_padding, boxes[..., :2])
    joined.content[:, : content.shape[1]] = content
    return joined
