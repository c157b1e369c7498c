"""Losses of masks by hand, and which masks have one."""

import math

import pytest
import torch

from models.conftest import SIZES, random_images
from trackformer.models.build import build_model
from trackformer.models.settings import DetrSettings, ModelSettings
from trackformer.training.clip_loss import ClipLossSettings, clip_loss
from trackformer.training.losses.masks import dice_loss, focal_loss, mask_losses
from trackformer.training.settings import LossSettings, MatchingSettings, TrackQuerySettings
from trackformer.types import NO_OBJECT, Clip, Target


def test_focal_loss_by_hand():
    # Both scores are 1/2: half of the entropy's weight squared, 1/4 or 3/4 by the class.
    loss = focal_loss(torch.zeros(1, 2), torch.tensor([[1.0, 0.0]]))
    each = 0.5**2 * math.log(2)
    assert loss.item() == pytest.approx((0.25 * each + 0.75 * each) / 2)


def test_dice_loss_by_hand():
    # Scores 1/2, 1/2, 0, 0 of an object in the first pixel: 1 - (2 * 1/2 + 1) / (1 + 1 + 1).
    logits = torch.tensor([[0.0, 0.0, -99.0, -99.0]])
    loss = dice_loss(logits, torch.tensor([[1.0, 0.0, 0.0, 0.0]]))
    assert loss.item() == pytest.approx(1 / 3)


def test_a_perfect_mask_costs_nothing():
    wanted = torch.tensor([[1.0, 0.0, 1.0]])
    logits = 200 * wanted - 100
    assert focal_loss(logits, wanted).item() == pytest.approx(0, abs=1e-6)
    assert dice_loss(logits, wanted).item() == pytest.approx(0, abs=1e-6)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    settings = ModelSettings(detector=DetrSettings(**SIZES | {"masks": True, "dropout": 0.0}))
    return build_model(settings)


def target_with(*masks: torch.Tensor) -> Target:
    count = len(masks)
    return Target(
        boxes=torch.full((count, 4), 0.5),
        labels=torch.zeros(count, dtype=torch.long),
        track_ids=torch.arange(count),
        visibility=torch.ones(count),
        ignore_boxes=torch.zeros(0, 4),
        masks=torch.stack(masks) if masks else torch.zeros(0, 64, 96, dtype=torch.bool),
    )


EMPTY = torch.zeros(64, 96, dtype=torch.bool)
LEFT = EMPTY.index_fill(1, torch.arange(48), True)


def losses_of(model, index: list[int], *masks: torch.Tensor):
    output = model.eval()(random_images((64, 96)))
    return mask_losses(model, output, torch.tensor([index]), [target_with(*masks)], 2.0)


def test_an_object_without_outline_has_no_mask_loss(model):
    alone = losses_of(model, [1, NO_OBJECT, NO_OBJECT, NO_OBJECT, NO_OBJECT], EMPTY, LEFT)
    both = losses_of(model, [1, 0, NO_OBJECT, NO_OBJECT, NO_OBJECT], EMPTY, LEFT)
    assert torch.equal(alone.focal, both.focal)
    assert torch.equal(alone.dice, both.dice)
    assert both.dice > 0


@pytest.mark.parametrize("masks", [(), (EMPTY,)])
def test_without_any_outline_there_is_no_loss(model, masks):
    index = [0 if masks else NO_OBJECT] + [NO_OBJECT] * 4
    losses = losses_of(model, index, *masks)
    assert (losses.focal, losses.dice) == (0, 0)


def test_a_clip_of_a_model_with_masks_has_their_loss(model):
    frames = random_images((64, 96)), random_images((64, 96))
    clip = Clip(frames, tuple((target_with(LEFT),) for _ in frames))
    terms = {}
    for weight in (0.0, 3.0):
        loss = LossSettings(classification="cross_entropy", mask_weight=weight, dice_weight=1.0)
        settings = ClipLossSettings(TrackQuerySettings(), MatchingSettings(), loss)
        generator = torch.Generator().manual_seed(0)
        terms[weight] = clip_loss(model.eval(), clip, settings, generator, lambda count: count)
    assert terms[0.0].terms["mask_focal"] == 0
    assert terms[3.0].terms["mask_focal"] > 0
    difference = terms[3.0].total - terms[0.0].total
    torch.testing.assert_close(difference, terms[3.0].terms["mask_focal"])


def test_a_model_learns_one_outline_by_heart(model):
    """A dozen steps of the mask losses alone."""
    model.train()
    optimizer = torch.optim.Adam(model.detector.mask_head.parameters(), lr=1e-2)
    first = None
    for _ in range(12):
        output = model(random_images((64, 96)))
        index = torch.tensor([[0] + [NO_OBJECT] * 4])
        losses = mask_losses(model, output, index, [target_with(LEFT)], 1.0)
        total = losses.focal + losses.dice
        first = first or total.item()
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
    assert total.item() < 0.6 * first
