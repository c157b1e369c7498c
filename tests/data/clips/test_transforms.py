"""Boxes follow the pixels they were drawn around."""

import numpy as np
import pytest

from trackformer.data.clips.transforms import (
    ColourChange,
    Crop,
    crop_boxes,
    crop_image,
    recolour,
    whole_frame_crop,
)

CANVAS = (96, 128)
BOX = (40, 30, 80, 60)  # left, top, right, bottom


def painted(height=120, width=160) -> np.ndarray:
    """Black, with a white rectangle at BOX."""
    pixels = np.zeros((height, width, 3), dtype=np.uint8)
    pixels[BOX[1] : BOX[3], BOX[0] : BOX[2]] = 255
    return pixels


def bounds_of_white(pixels) -> np.ndarray:
    """Relative cxcywh of all that is rather white than black."""
    rows, columns = np.nonzero(pixels[..., 0] > 127)
    low = np.array([columns.min(), rows.min()]) / CANVAS[::-1]
    high = np.array([columns.max() + 1, rows.max() + 1]) / CANVAS[::-1]
    return np.concatenate([(low + high) / 2, high - low])


@pytest.mark.parametrize("is_mirrored", [False, True])
@pytest.mark.parametrize(
    "window",
    [
        (0, 0, 160, 120),  # the whole image
        (20.3, 10.7, 80, 60),  # zoomed in twice
        (-40, -30, 240, 180),  # zoomed out, with a border
        (-30, 12, 120, 90),  # over the left border
        (35, 25, 144, 108),  # over the right and lower borders
    ],
)
def test_boxes_follow_pixels(window, is_mirrored):
    crop = Crop(*map(float, window), is_mirrored)
    shown = crop_image(painted(), crop, CANVAS)
    assert shown.shape == (*CANVAS, 3)
    box = crop_boxes(np.array([BOX], dtype=float), crop)[0]
    np.testing.assert_allclose(bounds_of_white(shown), box, atol=1.6 / min(CANVAS))


def test_a_box_may_reach_beyond_the_crop():
    box = crop_boxes(np.array([BOX], dtype=float), Crop(60.0, 30.0, 40.0, 30.0))[0]
    np.testing.assert_allclose(box, [0.0, 0.5, 1.0, 1.0])


def test_mirroring_twice_is_nothing():
    boxes = np.array([BOX], dtype=float)
    once, plain = (
        crop_boxes(boxes, Crop(0.0, 0.0, 160.0, 120.0, mirror)) for mirror in (True, False)
    )
    np.testing.assert_allclose(once[:, 0], 1 - plain[:, 0])
    np.testing.assert_allclose(once[:, 1:], plain[:, 1:])


def test_no_boxes_stay_none():
    assert crop_boxes(np.zeros((0, 4)), Crop(0.0, 0.0, 10.0, 10.0, is_mirrored=True)).shape == (
        0,
        4,
    )


def test_a_window_beside_the_image_is_black():
    assert crop_image(painted(), Crop(500.0, 0.0, 10.0, 10.0), CANVAS).max() == 0


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((96, 128), (0, 0, 128, 96)),
        ((192, 128), (-64, 0, 256, 192)),  # too narrow: bars left and right
        ((96, 256), (0, -48, 256, 192)),  # too flat: bars above and below
    ],
)
def test_the_whole_frame_is_shown_with_bars(size, expected):
    crop = whole_frame_crop(size, CANVAS)
    assert (crop.left, crop.top, crop.width, crop.height) == expected


def test_factors_of_one_change_no_colour():
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    assert np.abs(recolour(pixels, ColourChange(1.0, 1.0, 1.0)).astype(int) - pixels).max() == 0


def test_colours_by_hand():
    grey = np.full((1, 1, 3), 100, dtype=np.uint8)
    assert recolour(grey, ColourChange(1.2, 1.0, 1.0))[0, 0].tolist() == [120] * 3
    assert recolour(grey, ColourChange(2.0, 1.0, 1.0))[0, 0].tolist() == [200] * 3
    assert recolour(grey, ColourChange(1.0, 0.5, 1.0))[0, 0].tolist() == [113] * 3  # 127.5 - 13.75
    red = np.array([[[200, 0, 0]]], dtype=np.uint8)
    assert len(set(recolour(red, ColourChange(1.0, 1.0, 0.0))[0, 0].tolist())) == 1
