"""Clips through a model that looks at the frame before."""

import pytest
import torch

from trackformer.models.build import build_model
from trackformer.models.settings import BackboneSettings, DeformableDetrSettings, ModelSettings
from trackformer.models.trackformer import TrackFormer
from trackformer.types import Clip
from training.test_clip_loss import ONE, clip_of, loss_of

DETECTIONS_ONLY = {"drop_rate": 1.0}


def two_frame_model() -> TrackFormer:
    torch.manual_seed(0)
    detector = DeformableDetrSettings(
        # No frozen stage, so that gradients reach the pixels.
        backbone=BackboneSettings(name="resnet18", frozen_stages=0),
        embedding_size=24,
        num_heads=4,
        num_encoder_layers=1,
        num_decoder_layers=1,
        feedforward_size=16,
        dropout=0.0,
        num_queries=4,
        multi_frame="separate_encoder",
        position_encoding="sine_time",
    )
    return build_model(ModelSettings(detector=detector, class_names=("person", "dog")))


@pytest.fixture(scope="module")
def model() -> TrackFormer:
    return two_frame_model()


@torch.no_grad()
def test_each_frame_sees_the_one_before(model):
    clip = clip_of(ONE, ONE)
    other = Clip((clip.images[1], clip.images[1]), clip.targets)
    first, second = (loss_of(model, each, **DETECTIONS_ONLY).total for each in (clip, other))
    assert first != second


def first_frame_gradient(model, clip, **settings):
    for images in clip.images:
        images.pixels.grad = None
        images.pixels.requires_grad_()
    loss_of(model, clip, **DETECTIONS_ONLY, **settings).total.backward()
    return clip.images[0].pixels.grad


@pytest.mark.parametrize("carry_gradient", [False, True])
def test_a_frame_trains_the_one_before_only_if_asked(model, carry_gradient):
    gradient = first_frame_gradient(model, clip_of(ONE, ONE), carry_gradient=carry_gradient)
    assert (gradient is not None) == carry_gradient


@pytest.mark.parametrize("carry_gradient", [False, True])
def test_with_a_loss_on_every_frame_as_well(model, carry_gradient):
    clip = clip_of(ONE, ONE)
    alone = first_frame_gradient(model, Clip(clip.images[:1], clip.targets[:1]))
    settings = {"loss_frames": "all", "carry_gradient": carry_gradient}
    # The loss of a clip is the mean over its two frames.
    difference = first_frame_gradient(model, clip, **settings) - alone / 2
    assert (difference.abs().max() > 1e-3 * alone.abs().max()) == carry_gradient
