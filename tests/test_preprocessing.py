"""Sizes are those the published detectors saw; pixels keep their meaning."""

import numpy as np
import pytest
import torch

from trackformer.input_settings import InputSettings
from trackformer.preprocessing import normalise
from trackformer.resizing import input_size, resize

PUBLISHED = InputSettings(shorter_side=800, longest_side=1333)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((1080, 1920), (750, 1333)),  # limited by the longer side
        ((1920, 1080), (1333, 750)),
        ((480, 640), (800, 1066)),  # truncated, not rounded
        ((640, 480), (1066, 800)),
        ((800, 800), (800, 800)),
        ((10, 4000), (3, 1200)),  # 3.33 rounded, then 3 * 400
    ],
)
def test_the_shorter_side_is_800_and_the_longer_at_most_1333(size, expected):
    assert input_size(size, PUBLISHED) == expected


def test_without_a_longest_side_only_the_shorter_one_counts():
    assert input_size((100, 1000), InputSettings(shorter_side=200)) == (200, 2000)


@pytest.mark.parametrize(
    ("size", "expected"),
    [((384, 640), (384, 640)), ((1080, 1920), (384, 672)), ((1920, 1080), (672, 384))],
)
def test_the_area_rule_keeps_area_and_aspect_up_to_the_multiple(size, expected):
    assert input_size(size, InputSettings(area=384 * 640, multiple_of=32)) == expected


@pytest.mark.parametrize("step", [1, 32])
def test_no_side_vanishes(step):
    settings = InputSettings(area=64 * 64, multiple_of=step)
    assert min(input_size((1, 100000), settings)) == step


def test_values_are_scaled_per_channel():
    settings = InputSettings(shorter_side=1, mean=(0, 0.5, 1), std=(1, 0.5, 0.25))
    image = normalise(np.full((2, 3, 3), 255, dtype=np.uint8), settings)
    assert image.shape == (3, 2, 3)
    torch.testing.assert_close(image[:, 0, 0], torch.tensor([1.0, 1.0, 0.0]))


def test_resizing_to_the_same_size_changes_nothing():
    pixels = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    assert resize(pixels, (2, 2)) is pixels


def test_shrinking_averages():
    stripes = np.zeros((4, 4, 3), dtype=np.uint8)
    stripes[:, ::2] = 200
    assert (resize(stripes, (2, 2)) == 100).all()


def test_height_comes_first():
    assert resize(np.zeros((4, 4, 3), dtype=np.uint8), (2, 8)).shape == (2, 8, 3)
