import pytest
import torch

from models.conftest import random_images
from trackformer.errors import ConfigError
from trackformer.models.parts.backbone import Backbone
from trackformer.models.settings import BackboneSettings


def build(num_maps: int = 3, **changes) -> Backbone:
    torch.manual_seed(0)
    return Backbone(BackboneSettings(**{"name": "resnet18"} | changes), num_maps)


@pytest.mark.parametrize(
    ("name", "num_channels"),
    [("resnet18", (128, 256, 512)), ("resnet34", (128, 256, 512)), ("resnet50", (512, 1024, 2048))],
)
@torch.no_grad()
def test_the_last_maps_come_finest_first(name, num_channels):
    backbone = build(name=name)
    maps = backbone(random_images((64, 96)))
    assert backbone.num_channels == num_channels
    assert [each.features.shape[1] for each in maps] == list(num_channels)
    assert [each.features.shape[-2:] for each in maps] == [(8, 12), (4, 6), (2, 3)]


@torch.no_grad()
def test_padding_is_known_at_every_map():
    (first, second) = build(num_maps=2)(random_images((64, 96), (32, 64)))
    assert first.is_padding.sum((1, 2)).tolist() == [0, 4 * 6 - 2 * 4]
    assert second.is_padding[1].tolist() == [[False, False, True], [True, True, True]]


def test_frozen_stages_have_no_gradient_and_the_others_do():
    backbone = build(frozen_stages=3)
    trained = {
        name.split(".")[0] for name, each in backbone.named_parameters() if each.requires_grad
    }
    assert trained == {"layer3", "layer4"}


def test_frozen_batch_norm_is_the_same_in_training():
    backbone = build(frozen_stages=0)
    images = random_images((64, 64))
    expected = backbone.eval()(images)[-1].features
    assert torch.equal(backbone.train()(images)[-1].features, expected)


def test_trainable_batch_norm_learns_statistics_outside_frozen_stages():
    backbone = build(batch_norm="trainable", frozen_stages=2).train()
    before = {name: buffer.clone() for name, buffer in backbone.named_buffers()}
    backbone(random_images((64, 64), (64, 64)))
    changed = {
        name.split(".")[0]
        for name, buffer in backbone.named_buffers()
        if not torch.equal(buffer, before[name])
    }
    assert changed == {"layer2", "layer3", "layer4"}
    assert backbone.layer4[0].bn1.weight.requires_grad


def test_dilation_of_a_small_resnet_is_refused():
    with pytest.raises(ConfigError, match="resnet50 or resnet101, got resnet18"):
        build(dilation=True)
