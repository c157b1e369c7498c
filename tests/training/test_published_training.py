"""Matching, losses and gradients equal those of the published code."""

from typing import Any

import pytest
import torch
from torch import Tensor

from golden.given_tracks import (
    STEPS,
    given_tracks_step,
    layer_losses,
    recorded_given_tracks_step,
)
from golden.recordings import all_layers, read_recording
from golden.spread import beyond_spread
from golden.steps import target_of
from trackformer.training.matching import match, match_layers
from trackformer.training.settings import LossSettings, MatchingSettings
from trackformer.types import Memory, ModelOutput, Target

DETECTION = [
    "detr_r50_small",
    "detr_r50_small_prenorm",
    "detr_r50_small_dc5",
    "deformable_r50_small",
    "deformable_r50_small_refine",
    "deformable_r50_small_refine_twostage",
    "deformable_r50_small_singlescale",
]
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
    terms, _ = layer_losses(output, target_index, targets_of(recording), settings)
    # Computed of the recorded outputs: sums of some dozen numbers, which round by a few 1e-7.
    for key, loss in terms.items():
        torch.testing.assert_close(loss, recording["losses"][key], atol=0, rtol=1e-5)


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
    ours, target_index = given_tracks_step(name, step)

    recorded = recorded_given_tracks_step(name, step)
    assert not beyond_spread(f"{name}, given tracks, {step}", ours, recorded)
    published = read_recording("trackformer_training")[name][step]
    expected = [*published["matcher_aux"], published["matcher_final"]]
    assert torch.equal(target_index, as_target_index(expected, target_index.shape[-1]))


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
    return [target_of(target) for target in recording["targets"]]


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
