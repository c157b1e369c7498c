"""Detectors that look at two frames."""

import pytest
import torch
from torch import nn

from models.conftest import random_images, small_deformable_detr, small_detr
from models.test_detectors import PatchBackbone, random_images_of
from trackformer.errors import ConfigError, DataError
from trackformer.models.settings import DeformableDetrSettings, ModelSettings
from trackformer.models.trackformer import TrackFormer
from trackformer.types import Images

SIZE = {"embedding_size": 24, "num_heads": 4}
SEPARATE = {**SIZE, "multi_frame": "separate_encoder", "position_encoding": "sine_time"}
JOINT = {**SIZE, "multi_frame": "joint_encoder"}
MERGED = {"merge_features": True}
VARIANTS = {
    "separate": SEPARATE,
    "joint": JOINT,
    "joint_in_time": JOINT | {"position_encoding": "sine_time"},
    "merged": MERGED,
    "separate_merged": SEPARATE | MERGED,
}


def tracker_of(**changes) -> TrackFormer:
    settings = ModelSettings(detector=DeformableDetrSettings(), class_names=("a", "b", "c"))
    return TrackFormer(small_deformable_detr(**changes), settings).eval()


@pytest.fixture(params=VARIANTS)
def model(request) -> TrackFormer:
    return tracker_of(**VARIANTS[request.param])


@pytest.fixture
def before() -> Images:
    return moved(random_images((96, 64), (64, 96)))


def moved(images: Images) -> Images:
    return Images(images.pixels.roll(7, -1), images.is_padding, images.image_sizes)


def with_more_padding(images: Images) -> Images:
    """Padded to 128 x 160: other numbers of cells on every level."""
    height, width = images.pixels.shape[-2:]
    pad = (0, 160 - width, 0, 128 - height)
    pixels = nn.functional.pad(images.pixels, pad)
    return Images(pixels, nn.functional.pad(images.is_padding, pad, value=True), images.image_sizes)


@torch.no_grad()
def test_without_a_previous_frame_the_current_one_stands_in(model, images):
    alone = model(images)
    torch.testing.assert_close(model(images, previous=alone).boxes, alone.boxes)


@torch.no_grad()
def test_the_previous_frame_matters(model, images, before):
    difference = model(images, previous=model(before)).embeddings - model(images).embeddings
    assert difference.abs().max() > 1e-3


@torch.no_grad()
def test_nothing_but_the_frame_before_matters(model, images, before):
    chained = model(before, previous=model(images))
    after_two, after_one = (model(images, previous=each) for each in (chained, model(before)))
    assert torch.equal(after_two.embeddings, after_one.embeddings)


@torch.no_grad()
def test_the_features_alone_are_enough(model, images, before):
    previous = model(before)
    expected = model(images, previous=previous).boxes
    assert torch.equal(model(images, previous=previous.memory.frame).boxes, expected)


@torch.no_grad()
def test_a_batch_of_two_is_each_image_alone(model):
    images = random_images((64, 96), (64, 96))
    before = moved(images)
    output = model(images, previous=model(before))
    for index in range(2):
        previous = model(random_images_of(before, index))
        alone = model(random_images_of(images, index), previous=previous)
        torch.testing.assert_close(output.boxes[:, [index]], alone.boxes, atol=1e-4, rtol=0)


@pytest.mark.parametrize("variant", VARIANTS)
@torch.no_grad()
def test_padding_of_the_previous_frame_changes_nothing(variant, images, before):
    model = tracker_of(num_levels=3, **VARIANTS[variant])
    # Sees every cell alone; GroupNorm's statistics, as published, cover padding, too.
    model.detector.backbone = PatchBackbone([128, 256, 512], [8, 16, 32])
    for projection in model.detector.input_projections:
        projection.norm = nn.Identity()
    expected = model(images, previous=model(before))
    output = model(images, previous=model(with_more_padding(before)))
    torch.testing.assert_close(output.boxes, expected.boxes, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(output.embeddings, expected.embeddings, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("variant", ["separate", "joint", "merged"])
@torch.no_grad()
def test_published_behaviour_also_takes_frames_of_other_sizes(variant, images, before):
    model = tracker_of(compatibility="reference", **VARIANTS[variant])
    output = model(images, previous=model(with_more_padding(before)))
    assert output.boxes.isfinite().all()


@torch.no_grad()
def test_published_padding_is_that_of_the_other_frame(images, before):
    swapped = random_images((64, 96), (96, 64))
    models = [tracker_of(compatibility=each, **SEPARATE) for each in ("none", "reference")]
    right, published = (each.encode(images, each(swapped).memory.frame) for each in models)
    first, second = published.is_padding.chunk(2, dim=1)
    assert torch.equal(right.is_padding, torch.cat([second, first], dim=1))
    assert not torch.equal(first, second)


@torch.no_grad()
def test_a_single_frame_model_ignores_and_keeps_no_frame(images, before):
    two_frames = tracker_of(**SEPARATE)(before)
    model = tracker_of(**SIZE)
    assert torch.equal(model(images, previous=two_frames).boxes, model(images).boxes)
    assert model(images).memory.frame is None
    plain = TrackFormer(small_detr(), model.settings)
    assert torch.equal(plain(images, previous=two_frames).boxes, plain(images).boxes)


@torch.no_grad()
def test_frames_of_another_number_of_images_are_refused(model, images):
    previous = model(random_images((64, 64)))
    with pytest.raises(DataError, match="frames before these 2 images, got features of 1"):
        model(images, previous=previous)


@torch.no_grad()
@pytest.mark.parametrize("variant", ["separate", "joint"])
def test_only_the_current_frame_proposes_objects(variant, images, before):
    model = tracker_of(two_stage=True, box_refinement=True, **VARIANTS[variant])
    output = model(images, previous=model(with_more_padding(before)))
    num_tokens = sum(each.shape[-2] * each.shape[-1] for each in output.memory.features)
    assert output.proposals.boxes.shape == (2, num_tokens, 4)
    assert output.boxes.isfinite().all()


def test_a_step_trains_every_parameter_and_not_the_previous_frame(model, images, before):
    model.train()
    with torch.no_grad():
        previous = model(before)
    output = model(images, previous=previous)
    (output.class_logits.square().mean() + output.boxes.square().mean()).backward()
    without = [n for n, p in model.named_parameters() if p.requires_grad and p.grad is None]
    assert without == []
    assert (model.detector.level_embedding.grad.abs().amax(-1) > 0).all()


def test_a_given_frame_has_no_gradient(model, images):
    output = model(images)
    assert output.memory.frame.maps[0].requires_grad
    assert not any(each.requires_grad for each in output.memory.frame.detach().maps)


def test_time_row_and_column_must_share_the_channels():
    with pytest.raises(ConfigError, match="multiple of 6 for sine positions with time, got 32"):
        small_deformable_detr(position_encoding="sine_time", multi_frame="joint_encoder")
