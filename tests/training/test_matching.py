"""Who must predict what: K_track by identity, K_leaving background, K_init at minimum cost."""

import pytest
import torch
from torch import tensor

from trackformer.training.matching import match
from trackformer.training.settings import MatchingSettings
from trackformer.types import NO_OBJECT, PADDING
from training.worlds import SURE, SURELY_NOT, box, nobody_carried, output, target

LEFT, RIGHT, FAR = box(0.2, 0.5), box(0.8, 0.5), box(0.5, 0.05)


def matched(answer, targets, carried=None, **settings):
    carried = nobody_carried(len(targets)) if carried is None else tensor(carried)
    return match(answer, targets, carried, MatchingSettings(**settings)).tolist()


def test_object_queries_take_the_nearest_target():
    assert matched(output([[RIGHT, FAR, LEFT]]), [target([LEFT, RIGHT])]) == [[[1, NO_OBJECT, 0]]]


def test_the_class_decides_between_equal_boxes():
    answer = output([[LEFT, LEFT]], [[[SURELY_NOT, SURE], [SURE, SURELY_NOT]]])
    assert matched(answer, [target([LEFT], labels=[1])]) == [[[0, NO_OBJECT]]]


def test_with_softmax_the_class_is_a_probability():
    answer = output([[LEFT, LEFT]], [[[SURELY_NOT, SURE], [SURE, SURELY_NOT]]], softmax=True)
    assert matched(answer, [target([LEFT])]) == [[[NO_OBJECT, 0]]]


def test_a_track_query_keeps_its_object_though_an_object_query_is_closer():
    answer = output([[FAR, LEFT]], tracks=1)
    assert matched(answer, [target([LEFT])], [[0]]) == [[[0, NO_OBJECT]]]


def test_a_track_query_whose_object_left_is_background_though_it_sits_on_another():
    answer = output([[LEFT, FAR]], tracks=1)
    assert matched(answer, [target([LEFT])], [[NO_OBJECT]]) == [[[NO_OBJECT, 0]]]


def test_new_objects_are_left_to_object_queries():
    answer = output([[LEFT, FAR, RIGHT]], tracks=1)
    assert matched(answer, [target([RIGHT, LEFT])], [[1]]) == [[[1, NO_OBJECT, 0]]]


def test_with_coopetition_all_layers_but_the_last_share_carried_objects():
    answer = output([[FAR, LEFT]], tracks=1, layers=3)
    shared = matched(answer, [target([LEFT])], [[0]], coopetition=True)
    assert shared == [[[0, 0]], [[0, 0]], [[0, NO_OBJECT]]]


def test_without_coopetition_no_layer_shares():
    answer = output([[FAR, LEFT]], tracks=1, layers=3)
    assert matched(answer, [target([LEFT])], [[0]]) == [[[0, NO_OBJECT]]] * 3


def test_every_layer_is_matched_by_its_own_predictions():
    answer = output([[LEFT, FAR]], layers=2)
    answer.boxes[1, 0] = answer.boxes[1, 0].flip(0)
    assert matched(answer, [target([LEFT])]) == [[[0, NO_OBJECT]], [[NO_OBJECT, 0]]]


def test_hardly_visible_objects_are_asked_of_track_queries_only():
    hidden = target([LEFT, RIGHT], visibility=[0.1, 0.1])
    answer = output([[LEFT, FAR, FAR]], tracks=1)
    index = matched(answer, [hidden], [[0]], birth_visibility=0.2)
    assert index == [[[0, NO_OBJECT, NO_OBJECT]]]


def test_who_finds_a_hardly_visible_object_is_not_blamed():
    hidden = target([RIGHT], visibility=[0.1])
    assert matched(output([[RIGHT, FAR]]), [hidden], birth_visibility=0.2) == [
        [[PADDING, NO_OBJECT]]
    ]


def test_unmatched_queries_inside_ignore_regions_have_no_loss():
    crowd = target([RIGHT], ignore=[[0.2, 0.5, 0.4, 1.0]])
    assert matched(output([[LEFT, RIGHT, FAR]]), [crowd]) == [[[PADDING, 0, NO_OBJECT]]]


def test_a_query_half_outside_an_ignore_region_is_blamed():
    crowd = target(ignore=[[0.1, 0.5, 0.19, 1.0]])  # ends at 0.195, the box has 0.15 .. 0.25
    assert matched(output([[LEFT]]), [crowd]) == [[[NO_OBJECT]]]


def test_a_matched_query_inside_an_ignore_region_stays_matched():
    crowd = target([LEFT], ignore=[[0.5, 0.5, 1.0, 1.0]])
    assert matched(output([[LEFT]]), [crowd]) == [[[0]]]


def test_images_without_objects_are_all_background():
    assert matched(output([[LEFT], [LEFT]]), [target(), target([LEFT])]) == [[[NO_OBJECT], [0]]]


def test_more_objects_than_queries_leave_objects_unmatched():
    index = matched(output([[LEFT]]), [target([RIGHT, LEFT, FAR])])
    assert index == [[[1]]]


def test_ragged_batches_keep_their_padding():
    answer = output([[LEFT, FAR, RIGHT], [LEFT, FAR, RIGHT]], tracks=2)
    carried = [[0, NO_OBJECT], [1, PADDING]]
    index = matched(answer, [target([LEFT, RIGHT]), target([RIGHT, LEFT])], carried)
    assert index == [[[0, NO_OBJECT, 1], [1, PADDING, 0]]]


def test_a_batch_is_matched_as_its_images_alone():
    torch.manual_seed(0)
    boxes = torch.rand(2, 6, 4).tolist()
    targets = [target(torch.rand(3, 4).tolist()), target(torch.rand(1, 4).tolist())]
    together = matched(output(boxes), targets)
    alone = [matched(output([boxes[i]]), [targets[i]])[0][0] for i in range(2)]
    assert together == [alone]


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_a_diverged_network_is_matched_without_an_exception(value):
    answer = output([[[value] * 4, LEFT]], [[value, 0.0]])
    (((first, second),),) = matched(answer, [target([LEFT])])
    assert sorted([first, second]) == [NO_OBJECT, 0]


def test_half_precision_gives_the_assignment_of_float32():
    torch.manual_seed(0)
    answer = output(torch.rand(1, 20, 4).tolist(), torch.randn(1, 20).tolist())
    targets = [target(torch.rand(8, 4).tolist())]
    expected = matched(answer, targets)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert matched(answer, targets) == expected
