"""Every term of the loss by hand on one or two queries."""

import math

import pytest
import torch
from torch import tensor

from trackformer.training.losses.set_prediction import set_prediction_loss
from trackformer.training.settings import LossSettings
from trackformer.types import NO_OBJECT, PADDING
from training.worlds import box, target

HERE = box(0.5, 0.5, 0.2)


def losses(logits, boxes, index, targets, kind="focal", num_objects=1.0, **settings):
    """One layer; `logits` B Q K, `boxes` B Q 4, `index` B Q."""
    return set_prediction_loss(
        tensor(logits)[None],
        tensor(boxes)[None],
        tensor(index)[None],
        targets,
        num_objects,
        LossSettings(classification=kind, **settings),
    )


def classification(*args, **kwargs) -> float:
    return losses(*args, **kwargs).classification.item()


def test_focal_loss_of_an_object_at_even_odds():
    # alpha (1 - p)^2 -log p = 0.25 * 0.25 * log 2
    loss = classification([[[0.0]]], [[HERE]], [[0]], [target([HERE])])
    assert loss == pytest.approx(0.25 * 0.25 * math.log(2), rel=1e-5)


def test_focal_loss_of_background_at_even_odds():
    loss = classification([[[0.0]]], [[HERE]], [[NO_OBJECT]], [target()])
    assert loss == pytest.approx(0.75 * 0.25 * math.log(2), rel=1e-5)


def test_focal_loss_counts_the_other_classes_as_background():
    loss = classification([[[0.0, 0.0]]], [[HERE]], [[0]], [target([HERE], labels=[1])])
    assert loss == pytest.approx((0.25 + 0.75) * 0.25 * math.log(2), rel=1e-5)


def test_mal_aims_at_the_overlap_to_the_power_gamma():
    # A box of half the width: IoU 1/2, aim 0.5^1.5, weight 1, at even odds always log 2.
    half = [0.5, 0.5, 0.1, 0.2]
    aim = 0.5**1.5
    logit = 1.0
    expected = -(aim * math.log(1 / (1 + math.exp(-1))) + (1 - aim) * math.log(1 / (1 + math.e)))
    loss = classification([[[logit]]], [[half]], [[0]], [target([HERE])], kind="mal")
    assert loss == pytest.approx(expected, rel=1e-5)


def test_mal_weighs_background_by_its_score_to_the_power_gamma():
    loss = classification([[[0.0]]], [[HERE]], [[NO_OBJECT]], [target()], kind="mal")
    assert loss == pytest.approx(0.5**1.5 * math.log(2), rel=1e-5)


def test_cross_entropy_is_a_weighted_mean():
    # An object and a background query, both at even odds: the weights 1 and 0.1 cancel.
    args = [[[0.0, 0.0], [0.0, 0.0]]], [[HERE, HERE]], [[0, NO_OBJECT]], [target([HERE])]
    assert classification(*args, kind="cross_entropy") == pytest.approx(math.log(2), rel=1e-5)


def test_cross_entropy_weighs_background_less():
    # Object surely right (loss a), background surely wrong (loss b): (a + 0.1 b) / 1.1.
    args = [[[2.0, 0.0], [2.0, 0.0]]], [[HERE, HERE]], [[0, NO_OBJECT]], [target([HERE])]
    right, wrong = math.log(1 + math.exp(-2)), math.log(1 + math.exp(2))
    expected = (right + 0.1 * wrong) / 1.1
    assert classification(*args, kind="cross_entropy") == pytest.approx(expected, rel=1e-5)


def test_box_losses_by_hand():
    # Moved by half its width: L1 0.1; IoU 1/3, no gap in the hull, so 1 - GIoU = 2/3.
    found = losses([[[0.0]]], [[box(0.6, 0.5, 0.2)]], [[0]], [target([HERE])])
    assert found.l1.item() == pytest.approx(0.1, abs=1e-6)
    assert found.giou.item() == pytest.approx(2 / 3, abs=1e-5)


@pytest.mark.parametrize("kind", ["focal", "mal", "cross_entropy"])
def test_padding_rows_have_no_loss(kind):
    only = losses([[[1.0, 0.0]]], [[HERE]], [[0]], [target([HERE])], kind=kind)
    more = losses(
        [[[1.0, 0.0], [9.0, -9.0]]], [[HERE, HERE]], [[0, PADDING]], [target([HERE])], kind=kind
    )
    assert more.classification.item() == pytest.approx(only.classification.item())
    assert more.l1.item() == only.l1.item()


def test_track_and_object_queries_count_alike_and_targets_are_chosen_by_image():
    there = box(0.2, 0.2)
    found = losses(
        [[[0.0]], [[0.0]]], [[HERE], [there]], [[0], [1]], [target([HERE]), target([HERE, there])]
    )
    assert found.l1.item() == pytest.approx(0)
    assert found.giou.item() == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("kind", ["focal", "mal"])
def test_sums_are_divided_by_the_number_of_objects(kind):
    args = [[[1.0]]], [[box(0.6, 0.5)]], [[0]], [target([HERE])]
    one = losses(*args, kind=kind).total(LossSettings())
    four = losses(*args, kind=kind, num_objects=4.0).total(LossSettings())
    assert four.item() == pytest.approx(one.item() / 4)


def test_layers_add_up():
    logits, boxes = torch.zeros(3, 1, 1, 1), tensor(box(0.6, 0.5)).expand(3, 1, 1, 4)
    index = torch.zeros(3, 1, 1, dtype=torch.long)
    three = set_prediction_loss(logits, boxes, index, [target([HERE])], 1.0, LossSettings())
    one = losses([[[0.0]]], [[box(0.6, 0.5)]], [[0]], [target([HERE])])
    assert three.giou.item() == pytest.approx(3 * one.giou.item())
    assert three.classification.item() == pytest.approx(3 * one.classification.item())


def test_the_total_is_weighted():
    found = losses([[[0.0]]], [[box(0.6, 0.5)]], [[0]], [target([HERE])])
    total = found.total(LossSettings(class_weight=1, l1_weight=10, giou_weight=100))
    by_hand = found.classification + 10 * found.l1 + 100 * found.giou
    assert total.item() == pytest.approx(by_hand.item())


def test_autocast_does_not_reach_the_loss():
    args = [[[0.123]]], [[box(0.601, 0.5)]], [[0]], [target([HERE])]
    expected = losses(*args)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = losses(*args)
    assert found.giou.dtype == torch.float32
    assert found.giou.item() == expected.giou.item()


def test_half_precision_predictions_give_a_float32_loss():
    loss = set_prediction_loss(
        torch.zeros(1, 1, 1, 1, dtype=torch.bfloat16),
        tensor(HERE, dtype=torch.bfloat16).reshape(1, 1, 1, 4),
        torch.zeros(1, 1, 1, dtype=torch.long),
        [target([HERE])],
        1.0,
        LossSettings(),
    )
    assert {loss.classification.dtype, loss.l1.dtype, loss.giou.dtype} == {torch.float32}


@pytest.mark.parametrize("kind", ["focal", "mal", "cross_entropy"])
@pytest.mark.parametrize("index", [NO_OBJECT, PADDING])
def test_without_objects_gradients_are_finite(kind, index):
    logits = torch.zeros(1, 1, 2, 2, requires_grad=True)
    boxes = torch.rand(1, 1, 2, 4, requires_grad=True)
    found = set_prediction_loss(
        logits,
        boxes,
        torch.full((1, 1, 2), index),
        [target()],
        1.0,
        LossSettings(classification=kind),
    )
    found.total(LossSettings()).backward()
    assert logits.grad.isfinite().all()
    assert boxes.grad.eq(0).all()
    assert logits.grad.eq(0).all() == (index == PADDING)


def test_a_perfect_box_of_no_size_has_finite_gradients():
    boxes = torch.zeros(1, 1, 1, 4, requires_grad=True)
    found = set_prediction_loss(
        torch.zeros(1, 1, 1, 1),
        boxes,
        torch.zeros(1, 1, 1, dtype=torch.long),
        [target([[0.0, 0.0, 0.0, 0.0]])],
        1.0,
        LossSettings(classification="mal"),
    )
    found.total(LossSettings()).backward()
    assert boxes.grad.isfinite().all()
