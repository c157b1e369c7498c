"""Frozen and folded BatchNorm compute what BatchNorm computes in evaluation."""

import torch
from torch import nn

from trackformer.models.parts.frozen_batch_norm import (
    FrozenBatchNorm2d,
    fold_batch_norms,
    freeze_batch_norms,
)


def network() -> nn.Sequential:
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU())
    layers.append(nn.Sequential(nn.Conv2d(4, 2, 1), nn.BatchNorm2d(2, eps=0.1)))
    for norm in (layers[1], layers[3][1]):
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.5, 2)
    return layers


def same(first, second):
    torch.testing.assert_close(first, second, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_frozen_norms_ignore_training_mode():
    layers, pixels = network().eval(), torch.rand(2, 3, 8, 8)
    expected = layers(pixels)
    freeze_batch_norms(layers)
    same(layers.train()(pixels), expected)
    same(layers(pixels), expected)  # statistics did not move


@torch.no_grad()
def test_folded_norms_vanish_into_convolutions():
    layers, pixels = network().eval(), torch.rand(2, 3, 8, 8)
    expected = layers(pixels)
    freeze_batch_norms(layers)
    fold_batch_norms(layers)
    assert not any(isinstance(part, FrozenBatchNorm2d) for part in layers.modules())
    same(layers(pixels), expected)


def test_frozen_norms_have_no_parameters():
    layers = network()
    freeze_batch_norms(layers)
    assert {name.split(".")[-2] for name, _ in layers.named_parameters()} == {"0"}


@torch.no_grad()
def test_a_norm_that_is_not_frozen_stays():
    layers = network()
    fold_batch_norms(layers)
    assert isinstance(layers[1], nn.BatchNorm2d)
