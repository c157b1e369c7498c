"""Every published variant can be read from its tensors and arguments alone, and runs."""

import argparse
from typing import Any

import pytest
import torch
from torch import Tensor

from golden.recordings import (
    FOLDER,
    previous_images,
    read_manifest,
    read_recording,
    recorded_images,
)
from golden.weights_recipe import state_dict_of
from trackformer import load_model
from trackformer.checkpoints.published.names import from_published_trackformer
from trackformer.checkpoints.published.settings import (
    PublishedArguments,
    PublishedWeights,
    settings_of,
    trained_by_trackformer,
)
from trackformer.models.build import build_model
from trackformer.training.optimizer import build_optimizer
from trackformer.training.settings import OptimizerSettings
from trackformer.types import TrackQueries

MANIFESTS = sorted(path.stem for path in (FOLDER / "manifest").glob("*.json"))
MULTI_FRAME = "trackformer_deformable_multiframe_small"
ENCODER_ATTENTION = ("sampling_offsets", "attention_weights")


@pytest.mark.parametrize("name", MANIFESTS)
def test_every_tensor_of_a_published_model_has_its_place(name):
    with torch.device("meta"):
        tensors = {each["key"]: torch.empty(each["shape"]) for each in read_manifest(name)}
        tensors = {key.removeprefix("detr."): each for key, each in tensors.items()}
        is_trackformer = trained_by_trackformer(set(), tensors)
        published = PublishedWeights(tensors, PublishedArguments(), is_trackformer, name)
        ours = build_model(settings_of(published)).state_dict()
    mapped = from_published_trackformer(tensors)
    assert {key: each.shape for key, each in mapped.items()} == {
        key: each.shape for key, each in ours.items()
    }


def test_learned_positions_are_read(tmp_path):
    weights = state_dict_of(read_manifest("detr_r50_small"))
    for row_or_column in ("row", "col"):
        weights[f"backbone.1.{row_or_column}_embed.weight"] = torch.rand(50, 32)
    model = loaded(tmp_path, weights, "detr_r50_small", position_embedding="learned")
    assert model.settings.detector.position_encoding == "learned"
    assert_detects(model)


def test_one_dilated_level_is_read(tmp_path):
    name = "deformable_r50_small_singlescale"
    model = loaded(tmp_path, state_dict_of(read_manifest(name)), name, dilation=True)
    settings = model.settings.detector
    assert (settings.num_levels, settings.backbone.dilation) == (1, True)
    # Stride 16 instead of 32: images of 160 x 224 pixels.
    memory = model.encode(recorded_images(read_recording(name)))
    assert memory.level_shapes == ((10, 14),)
    assert_detects(model)


def test_proposals_without_refinement_are_read(tmp_path):
    # Published code of this variant stops with an error; the one with refinement has a head more.
    name = "deformable_r50_small_refine_twostage"
    weights = {
        key: tensor
        for key, tensor in state_dict_of(read_manifest(name)).items()
        if not key.startswith("transformer.decoder.") or ".layers." in key.split("embed")[0]
    }
    model = loaded(tmp_path, weights, name)
    settings = model.settings.detector
    assert (settings.two_stage, settings.box_refinement) == (True, False)
    assert_detects(model)


def test_one_encoder_for_both_frames_is_read(tmp_path):
    manifest = read_manifest(MULTI_FRAME)
    for each in manifest:
        in_encoder = ".encoder.layers." in each["key"]
        if in_encoder and any(part in each["key"] for part in ENCODER_ATTENTION):
            # Twice the levels: those of both frames.
            each["shape"][0] *= 2
    model = loaded(
        tmp_path,
        state_dict_of(manifest),
        MULTI_FRAME,
        multi_frame_attention_separate_encoder=False,
        multi_frame_encoding=False,
    )
    settings = model.settings.detector
    assert (settings.multi_frame, settings.position_encoding) == ("joint_encoder", "sine")
    assert_tracks(model)


def test_a_model_trained_on_three_frames_is_that_of_two(tmp_path):
    weights = state_dict_of(read_manifest(MULTI_FRAME))
    model = loaded(tmp_path, weights, MULTI_FRAME, track_prev_prev_frame=True)
    assert model.settings.detector.multi_frame == "separate_encoder"
    assert_tracks(model)


def test_parameters_learn_in_the_published_groups():
    # lr 2e-4; backbone 2e-5; reference points and sampling offsets 2e-5; stem and stage 1 frozen.
    name = "full_trackformer_mot17_deformable_multiframe"
    with torch.device("meta"):
        tensors = {each["key"]: torch.empty(each["shape"]) for each in read_manifest(name)}
        model = build_model(settings_of(PublishedWeights(tensors, PublishedArguments(), True, "")))
    rates = {
        id(parameter): group["lr"]
        for group in build_optimizer(model, OptimizerSettings()).param_groups
        for parameter in group["params"]
    }
    for key, parameter in model.named_parameters():
        rate = rates.get(id(parameter))
        if "backbone.stem" in key or "backbone.layer1" in key:
            assert rate is None
        elif any(part in key for part in ("backbone", "sampling_offsets", "reference_points")):
            assert rate == pytest.approx(2e-5)
        else:
            assert rate == 2e-4


def loaded(tmp_path, weights: dict[str, Tensor], name: str, **changes: Any):
    arguments = argparse.Namespace(**{**read_recording(name)["args"], **changes})
    torch.save({"model": weights, "args": arguments}, tmp_path / "checkpoint.pth")
    return load_model(tmp_path / "checkpoint.pth")


@torch.no_grad()
def assert_detects(model) -> None:
    output = model(recorded_images(read_recording("detr_r50_small")))
    assert output.boxes.shape[:3] == (3, 2, 20)
    assert torch.isfinite(output.class_logits).all()


@torch.no_grad()
def assert_tracks(model) -> None:
    recording = read_recording(MULTI_FRAME)
    oldest = model(recorded_images(recording))
    before = model(previous_images(recording), first_two(oldest), oldest)
    output = model(recorded_images(recording), first_two(before), before)
    assert output.boxes.shape[:3] == (3, 2, 22)
    assert torch.isfinite(output.class_logits).all()


def first_two(output) -> TrackQueries:
    return TrackQueries(
        output.embeddings[:, :2], output.boxes[-1, :, :2], torch.zeros(2, 2, dtype=torch.bool)
    )
