"""Matching, losses and gradients equal those of the published code."""

import re
from typing import Any

import pytest
import torch
from torch import Tensor

from golden.published_models import published_trackformer
from golden.recordings import all_layers, published_weights, read_recording, recorded_images
from models.test_trackformer_parity import previous_images
from trackformer.checkpoints.published.names import from_published_trackformer
from trackformer.models.trackformer import TrackFormer
from trackformer.training.losses.set_prediction import set_prediction_loss
from trackformer.training.matching import match, match_layers
from trackformer.training.settings import LossSettings, MatchingSettings
from trackformer.types import Memory, ModelOutput, Target, TrackQueries

DETECTION = [
    "detr_r50_small",
    "detr_r50_small_prenorm",
    "detr_r50_small_dc5",
    "deformable_r50_small",
    "deformable_r50_small_refine",
    "deformable_r50_small_refine_twostage",
    "deformable_r50_small_singlescale",
]
STEPS = [
    ("trackformer_deformable_singleframe_small", "train_seed0"),
    ("trackformer_deformable_mergefeatures_small", "train_seed0"),
    ("trackformer_deformable_multiframe_small", "train_seed0"),
    ("trackformer_deformable_multiframe_small", "train_seed0_backprop"),
]
TERMS = {"classification": "loss_ce", "l1": "loss_bbox", "giou": "loss_giou"}
REPEATED = re.compile(r"^transformer\.decoder\.(?=bbox_embed|class_embed)")
DETECTING = torch.zeros(2, 0, dtype=torch.long)
"""No track queries in two images."""
NO_MEMORY = Memory(
    torch.zeros(2, 0, 1), torch.zeros(2, 0, dtype=torch.bool), (), torch.ones(2, 0, 2)
)


@pytest.mark.parametrize("name", DETECTION)
def test_object_queries_are_matched_as_published(name):
    recording = read_recording(name)
    output = output_of(recording, has_no_object_class=name.startswith("detr"))

    costs = MatchingSettings(class_cost=recording["args"]["set_cost_class"])
    target_index = match(output, targets_of(recording), DETECTING, costs)

    published = [*recording["aux_matcher_indices"], recording["matcher_indices"]]
    assert torch.equal(target_index, as_target_index(published, output.boxes.shape[2]))


@pytest.mark.parametrize("name", DETECTION)
def test_every_layer_has_the_published_losses(name):
    recording = read_recording(name)
    output = output_of(recording, has_no_object_class=name.startswith("detr"))
    published = [*recording["aux_matcher_indices"], recording["matcher_indices"]]
    target_index = as_target_index(published, output.boxes.shape[2])
    settings = LossSettings(classification="cross_entropy" if "detr" in name[:4] else "focal")
    assert_losses(output, target_index, targets_of(recording), settings, recording["losses"])


def test_proposals_are_matched_as_published():
    recording = read_recording("deformable_r50_small_refine_twostage")
    published = recording["enc_outputs"]
    target_index = match_layers(
        published["pred_logits_class0"][None, ..., None],
        published["pred_boxes"][None],
        [of_one_class(target) for target in targets_of(recording)],
        DETECTING,
        MatchingSettings(),
        may_share=[True],
        has_no_object_class=False,
    )
    num_tokens = published["pred_boxes"].shape[1]
    expected = as_target_index([recording["enc_matcher_indices"]], num_tokens)
    assert torch.equal(target_index, expected)


@pytest.mark.parametrize(("name", "step"), STEPS)
def test_a_step_with_tracks_has_the_published_losses_and_gradients(name, step):
    recording, published = read_recording(name), read_recording("trackformer_training")[name]
    targets, published = targets_of(published), published[step]
    model = published_trackformer(name)
    model.train().zero_grad()

    with torch.set_grad_enabled(published["backprop_prev_frame"]):
        before = model(previous_images(recording))
    tracks = tracks_of(published["targets_out"], before)
    output = model(recorded_images(recording), tracks, before)
    target_index = match(output, targets, carried_of(published["targets_out"]), MatchingSettings())
    losses = assert_losses(output, target_index, targets, LossSettings(), published["losses"])
    losses.backward()
    model.eval()

    torch.testing.assert_close(output.class_logits[-1], published["pred_logits"], atol=1e-3, rtol=0)
    expected = [*published["matcher_aux"], published["matcher_final"]]
    assert torch.equal(target_index, as_target_index(expected, output.boxes.shape[2]))
    norms = gradient_norms(model, name, published["grad_norms"].keys())
    assert norms == pytest.approx(published["grad_norms"], rel=2e-3)


def assert_losses(
    output: ModelOutput,
    target_index: Tensor,
    targets: list[Target],
    settings: LossSettings,
    published: dict[str, Tensor],
) -> Tensor:
    """Compare every layer's terms; the weighted sum over all layers."""
    num_objects = float(sum(len(target.labels) for target in targets))
    layers = []
    for layer in range(len(output.boxes)):
        only = slice(layer, layer + 1)
        losses = set_prediction_loss(
            output.class_logits[only],
            output.boxes[only],
            target_index[only],
            targets,
            num_objects,
            settings,
        )
        suffix = "" if layer == len(output.boxes) - 1 else f"_{layer}"
        for term, key in TERMS.items():
            expected = published[key + suffix]
            torch.testing.assert_close(getattr(losses, term), expected, atol=1e-4, rtol=1e-5)
        layers.append(losses.total(settings))
    return torch.stack(layers).sum()


def output_of(recording: dict[str, Any], *, has_no_object_class: bool) -> ModelOutput:
    logits = all_layers(recording["outputs"], "pred_logits")
    boxes = all_layers(recording["outputs"], "pred_boxes")
    batch_size, num_queries = boxes.shape[1:3]
    return ModelOutput(
        class_logits=logits,
        boxes=boxes,
        embeddings=torch.zeros(batch_size, num_queries, 1),
        is_padding=torch.zeros(batch_size, num_queries, dtype=torch.bool),
        memory=NO_MEMORY,
        num_track_queries=0,
        has_no_object_class=has_no_object_class,
    )


def targets_of(recording: dict[str, Any]) -> list[Target]:
    return [
        Target(
            boxes=target["boxes"],
            labels=target["labels"],
            track_ids=target.get("track_ids", torch.arange(len(target["labels"]))),
            visibility=torch.ones(len(target["labels"])),
            ignore_boxes=torch.zeros(0, 4),
        )
        for target in recording["targets"]
    ]


def of_one_class(target: Target) -> Target:
    labels = torch.zeros_like(target.labels)
    return Target(target.boxes, labels, target.track_ids, target.visibility, target.ignore_boxes)


def as_target_index(layers: list[list[list[Tensor]]], num_queries: int) -> Tensor:
    """Published (queries, targets) per layer and image as D B Q."""
    index = torch.full((len(layers), len(layers[0]), num_queries), -1)
    for layer, images in enumerate(layers):
        for image, (queries, targets) in enumerate(images):
            index[layer, image, queries] = targets
    return index


def tracks_of(published: list[dict[str, Tensor]], before: ModelOutput) -> TrackQueries:
    """The recorded track queries, with the gradient of our own output that they equal."""
    embeddings = torch.stack([each["track_query_hs_embeds"] for each in published])
    boxes = torch.stack([each["track_query_boxes"] for each in published])
    rows = torch.cdist(embeddings, before.embeddings.detach()).argmin(-1)
    ours = before.embeddings.gather(1, rows[..., None].expand_as(embeddings))
    # The recorded values: rounding of one frame would add to that of the next.
    ours = ours + (embeddings - ours).detach()
    return TrackQueries(ours, boxes, torch.zeros(boxes.shape[:2], dtype=torch.bool))


def carried_of(published: list[dict[str, Tensor]]) -> Tensor:
    """Target of every track query; -1 for those that must find nothing."""
    carried = torch.full((len(published), len(published[0]["track_query_boxes"])), -1)
    for image, each in enumerate(published):
        is_real = each["track_queries_mask"] & ~each["track_queries_fal_pos_mask"]
        carried[image, torch.nonzero(is_real)[:, 0]] = each["track_query_match_ids"]
    return carried


def gradient_norms(model: TrackFormer, name: str, published_names: Any) -> dict[str, float]:
    """Of our parameters under the names that the published code has for them."""
    weights = published_weights(name)
    names = list(weights)
    # Every published tensor holds its own number, which tells where it goes.
    numbered = {each: torch.full_like(weights[each], i) for i, each in enumerate(names)}
    squares = dict.fromkeys(names, 0.0)
    gradients = {key: each.grad for key, each in model.named_parameters()}
    for key, numbers in from_published_trackformer(numbered).items():
        if gradients.get(key) is not None:
            squares[names[int(numbers.flatten()[0])]] += gradients[key].square().sum().item()
    # Of heads that the decoder refers to as well, the first name is the stored one.
    stored = {each: REPEATED.sub("", each) for each in published_names}
    return {each: squares[stored[each]] ** 0.5 for each in published_names}
