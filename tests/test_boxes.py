"""Boxes: conversions are inverse, overlaps are as drawn by hand, nothing raises on nonsense."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import tensor

from trackformer import boxes

UNIT = [0.0, 0.0, 1.0, 1.0]
sides = st.floats(1 / 64, 1, width=32)
boxes_cxcywh = st.lists(st.tuples(sides, sides, sides, sides), min_size=1, max_size=5).map(tensor)


def assert_close(actual, expected):
    torch.testing.assert_close(actual, expected, atol=1e-5, rtol=1e-5)


def test_a_box_in_both_formats():
    assert_close(
        boxes.cxcywh_to_xyxy(tensor([[0.5, 0.4, 0.2, 0.6]])), tensor([[0.4, 0.1, 0.6, 0.7]])
    )
    assert_close(
        boxes.xyxy_to_cxcywh(tensor([[0.4, 0.1, 0.6, 0.7]])), tensor([[0.5, 0.4, 0.2, 0.6]])
    )


def test_pixels_are_width_times_x_and_height_times_y():
    pixels = boxes.to_pixels_xyxy(tensor([[0.5, 0.5, 0.2, 0.2]]), (100, 200))
    assert_close(pixels, tensor([[80.0, 40.0, 120.0, 60.0]]))


@given(boxes_cxcywh)
@settings(deadline=None)
def test_conversions_are_inverse(some):
    assert_close(boxes.xyxy_to_cxcywh(boxes.cxcywh_to_xyxy(some)), some)
    assert_close(boxes.to_relative_cxcywh(boxes.to_pixels_xyxy(some, (480, 640)), (480, 640)), some)


@pytest.mark.parametrize(
    ("other", "iou", "giou"),
    [
        (UNIT, 1.0, 1.0),
        ([0.5, 0.0, 1.5, 1.0], 1 / 3, 1 / 3),  # the hull is the union
        ([0.5, 0.5, 1.5, 1.5], 0.25 / 1.75, 0.25 / 1.75 - 0.5 / 2.25),
        ([2.0, 0.0, 3.0, 1.0], 0.0, -1 / 3),  # a gap as wide as each box
        ([0.5, 0.5, 0.5, 0.5], 0.0, 0.0),  # an empty box inside
    ],
)
def test_overlaps_by_hand(other, iou, giou):
    assert_close(boxes.pairwise_iou(tensor([UNIT]), tensor([other])), tensor([[iou]]))
    assert_close(boxes.pairwise_giou(tensor([UNIT]), tensor([other])), tensor([[giou]]))
    assert_close(boxes.paired_giou(tensor([UNIT]), tensor([other])), tensor([giou]))


@given(boxes_cxcywh, boxes_cxcywh)
@settings(deadline=None)
def test_giou_lies_between_minus_one_and_iou_and_is_symmetric(first, second):
    first, second = boxes.cxcywh_to_xyxy(first), boxes.cxcywh_to_xyxy(second)
    giou, iou = boxes.pairwise_giou(first, second), boxes.pairwise_iou(first, second)
    assert ((giou >= -1 - 1e-5) & (giou <= iou + 1e-5) & (iou <= 1 + 1e-5)).all()
    assert_close(giou, boxes.pairwise_giou(second, first).T)


@given(boxes_cxcywh)
@settings(deadline=None)
def test_paired_is_the_diagonal_of_pairwise(some):
    first, second = boxes.cxcywh_to_xyxy(some), boxes.cxcywh_to_xyxy(some.flip(0))
    assert_close(boxes.paired_giou(first, second), boxes.pairwise_giou(first, second).diagonal())


def test_no_boxes_have_no_overlaps():
    none = torch.zeros(0, 4)
    assert boxes.pairwise_iou(none, tensor([UNIT])).shape == (0, 1)
    assert boxes.pairwise_giou(tensor([UNIT]), none).shape == (1, 0)
    assert boxes.non_maximum_suppression(none, torch.zeros(0), 0.5).shape == (0,)


def test_equal_empty_boxes_give_finite_gradients():
    point = torch.zeros(1, 4, requires_grad=True)
    boxes.paired_giou(point, torch.zeros(1, 4)).sum().backward()
    assert point.grad.isfinite().all()


def test_a_box_inside_out_has_no_area():
    assert boxes.area(tensor([[1.0, 1.0, 0.0, 2.0], [0.0, 0.0, 2.0, 3.0]])).tolist() == [0, 6]


def test_sanitised_boxes_are_finite_and_not_negative():
    broken = tensor([[torch.nan, torch.inf, -1.0, -torch.inf]])
    assert boxes.sanitise(broken).tolist() == [[0.0, 1e4, 0.0, 0.0]]


def test_sanitise_lets_gradients_of_good_boxes_pass():
    good = tensor([[0.5, 0.5, 0.1, 0.2]], requires_grad=True)
    boxes.sanitise(good).sum().backward()
    assert good.grad.tolist() == [[1, 1, 1, 1]]


def test_the_best_of_overlapping_boxes_stays():
    row = tensor([UNIT, [0.1, 0.0, 1.1, 1.0], [5.0, 0.0, 6.0, 1.0]])
    keep = boxes.non_maximum_suppression(row, tensor([0.5, 0.9, 0.1]), 0.5)
    assert keep.tolist() == [False, True, True]


def test_a_suppressed_box_suppresses_nobody():
    chain = tensor([[0.0, 0.0, 1.0, 1.0], [0.3, 0.0, 1.3, 1.0], [0.6, 0.0, 1.6, 1.0]])
    keep = boxes.non_maximum_suppression(chain, tensor([0.9, 0.8, 0.7]), 0.5)
    assert keep.tolist() == [True, False, True]


def test_of_equal_scores_the_first_stays():
    same = tensor([UNIT] * 3)
    keep = boxes.non_maximum_suppression(same, tensor([0.5, 0.5, 0.5]), 0.5)
    assert keep.tolist() == [True, False, False]


@given(boxes_cxcywh)
@settings(deadline=None)
def test_what_stays_does_not_overlap(some):
    row = boxes.cxcywh_to_xyxy(some)
    kept = row[boxes.non_maximum_suppression(row, some[:, 0], 0.5)]
    overlaps = boxes.pairwise_iou(kept, kept).fill_diagonal_(0)
    assert len(kept) > 0
    assert (overlaps <= 0.5).all()


def test_share_inside_is_of_the_box_not_of_the_region():
    regions = tensor([[0.0, 0.0, 0.5, 1.0], [0.9, 0.0, 9.0, 9.0]])
    assert_close(boxes.share_inside(tensor([UNIT]), regions), tensor([0.5]))
    assert boxes.share_inside(tensor([UNIT]), torch.zeros(0, 4)).tolist() == [0.0]


def test_inverse_sigmoid_undoes_sigmoid_and_is_finite_at_the_ends():
    logits = tensor([-3.0, 0.0, 2.0])
    assert_close(boxes.inverse_sigmoid(logits.sigmoid()), logits)
    assert boxes.inverse_sigmoid(tensor([-1.0, 0.0, 1.0, 2.0])).isfinite().all()
