"""One frame without tracks: its losses over all layers and stages, and every gradient."""

import pytest

from golden.answers import TRACKFORMERS
from golden.spread import beyond_spread
from golden.steps import frame_step, recorded_frame_step
from training.test_published_training import DETECTION

TRACKING = [name for name in TRACKFORMERS if "segm" not in name]


@pytest.mark.parametrize("name", [*DETECTION, *TRACKING])
def test_a_frame_has_the_published_loss_and_detectors_its_gradients(name):
    assert not beyond_spread(f"{name}, frame", frame_step(name), recorded_frame_step(name))
