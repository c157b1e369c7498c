"""A seed gives the published training step: two frames, random track queries, losses, gradients."""

import pytest
import torch

from golden.published_models import published_trackformer
from golden.recordings import read_recording
from golden.spread import beyond_spread
from golden.steps import (
    PLAIN,
    WHOLE_STEPS,
    recorded_whole_step,
    whole_losses,
    whole_step,
)


@pytest.mark.parametrize(("name", "step"), WHOLE_STEPS)
def test_a_seed_gives_the_published_step(name, step):
    recorded = recorded_whole_step(name, step)
    assert not beyond_spread(f"{name}, {step}", whole_step(name, step), recorded)


@pytest.mark.parametrize(("name", "step"), [WHOLE_STEPS[1], WHOLE_STEPS[4]])
def test_a_loss_that_weighs_a_hundredth_more_is_told_from_rounding(name, step):
    wrong = whole_step(name, step, giou_weight=2.02)
    beyond = beyond_spread(f"{name}, {step}", wrong, recorded_whole_step(name, step))
    assert {"loss", "worst term"} <= beyond.keys()


@torch.no_grad()
def test_lost_tracks_of_plain_detr_may_weigh_as_little_as_background():
    # Published: track_query_false_positive_eos_weight, on by default.
    model = published_trackformer(PLAIN)
    full, little = (
        whole_losses(model, PLAIN, "train_seed0", lost_track_weight=weight).terms["decoder_class"]
        for weight in (1.0, 0.1)
    )
    published = read_recording("training_steps")[PLAIN]["train_seed0"]["losses"]
    sums = sum(value for key, value in published.items() if key.startswith("loss_ce"))
    assert full.item() == pytest.approx(sums, rel=1e-4)
    assert little.item() != pytest.approx(sums, rel=1e-2)
