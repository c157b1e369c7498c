"""The pictures of the page: what they say is what the code answers now."""

import pytest
from PIL import Image

from trackformer.errors import ConfigError
from trackformer.figures.draw import draw_figures


def test_the_drawn_losses_are_those_of_the_story(tmp_path):
    says = draw_figures(tmp_path, ["training_t0_t1"])
    assert "2′ person 2 (K_track), a nobody" in says["training_t0_t1.png"]
    assert "loss 0.486" in says["training_t0_t1.png"]
    with Image.open(tmp_path / "training_t0_t1.png") as image:
        assert image.width == 1170


def test_a_picture_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"expected some of .*training_t0_t1.*, got 'no'"):
        draw_figures(tmp_path, ["no"])
