"""Shares of pairs that are told apart."""

import math

import numpy as np
import pytest

from trackformer.evaluation.metrics.told_apart import ToldApart, ranked_right, told_apart


def counted(distances, own) -> ToldApart:
    return told_apart(np.array(distances, dtype=float), np.array(own, dtype=bool))


def test_the_auc_is_the_share_of_others_who_are_further_away():
    found = counted([[2, 1, 3, 4], [0, 5, 5, 5]], [[1, 0, 0, 0], [1, 0, 0, 0]])
    assert found.auc == pytest.approx((2 / 3 + 1) / 2)
    assert found.mistaken_share == 0.5


def test_an_equal_distance_is_half_right_and_no_mistake():
    found = counted([[1, 1]], [[1, 0]])
    assert (found.auc, found.mistaken) == (0.5, 0)


def test_who_is_not_there_or_alone_is_no_sample():
    assert counted([[1, 2]], [[0, 0]]).sightings == 0
    assert counted([[1]], [[1]]).sightings == 0
    assert math.isnan(ToldApart().auc)
    assert math.isnan(ToldApart().mistaken_share)


def test_counts_of_scenes_add_up():
    total = ToldApart(3, 2.5, 1) + ToldApart(1, 0.5, 0)
    assert (total.auc, total.mistaken_share) == (0.75, 0.25)


def test_right_answers_are_ranked_against_wrong_ones():
    assert ranked_right(np.array([0.9, 0.5]), np.array([0.5, 0.1])) == (1 + 0.75) / 2
    assert math.isnan(ranked_right(np.array([0.9]), np.zeros(0)))
