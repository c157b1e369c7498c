"""The four training frames of the drawing: who must predict what, and every loss by hand."""

from math import log

import pytest

from trackformer.figures.training_story import STORY, TRACKS, told
from trackformer.types import NO_OBJECT

NOBODY = None


@pytest.fixture(scope="module")
def frames():
    return told()


def meant(frame):
    return {query.name: (query.person, query.rule) for query in frame.queries}


def test_at_first_object_queries_find_both(frames):
    assert frames[0].asked == ()
    assert frames[0].target_index.tolist() == [0, 1, NO_OBJECT]
    assert meant(frames[0]) == {"a": (1, "K_init"), "b": (2, "K_init"), "c": (NOBODY, "")}
    assert frames[0].carried == (1, 2)


def test_then_both_are_carried_though_an_object_query_is_nearer(frames):
    frame = frames[1]
    assert frame.asked == (1, 2)
    assert frame.target_index.tolist() == [0, 1, NO_OBJECT, NO_OBJECT, NO_OBJECT]
    assert meant(frame)["2′"] == (2, "K_track")
    assert meant(frame)["a"] == (NOBODY, "")
    # The first object query would cost least for the second person, by far.
    assert frame.cost[:, 1].argmin() == 0
    assert frame.queries[1].box > 1.4  # what the track query's answer costs
    assert frame.carried == (1, 2)


def test_then_both_are_gone_and_a_third_enters(frames):
    frame = frames[2]
    assert frame.asked == (NOBODY, NOBODY)
    assert frame.target_index.tolist() == [NO_OBJECT, NO_OBJECT, 0, NO_OBJECT, NO_OBJECT]
    assert meant(frame)["1″"] == meant(frame)["2″"] == (NOBODY, "K_leaving")
    assert meant(frame)["a"] == (3, "K_init")
    # Patience keeps the queries of the first two, behind the third.
    assert (frame.carried, frame.frames_missed) == ((3, 1, 2), (0, 1, 1))


def test_then_the_first_is_found_again_by_its_own_query(frames):
    frame = frames[3]
    assert frame.asked == (3, 1, NOBODY)
    assert frame.target_index.tolist() == [1, 0, NO_OBJECT, NO_OBJECT, NO_OBJECT, NO_OBJECT]
    assert meant(frame)["1‴"] == (1, "K_track")
    assert frame.cost[:, 0].argmin() == 0  # an object query is nearer again
    assert frame.carried == (3, 1)  # the second was gone longer than patience


def test_without_patience_nobody_who_is_gone_is_asked_again():
    impatient = TRACKS.model_copy(update={"patience": 0})
    assert [frame.carried for frame in told(STORY[:3], impatient)] == [(1, 2), (1, 2), (3,)]


def test_the_loss_of_the_first_frame_by_hand(frames):
    # a is 0.01 to the right of a box 0.12 wide, b 0.02 below one 0.40 high; no gap in the hulls.
    box_a = 5 * 0.01 + 2 * (1 - 0.11 / 0.13)
    box_b = 5 * 0.02 + 2 * (1 - 0.38 / 0.42)
    # c must say "nobody", which weighs a tenth.
    classes = (-log(0.9) - log(0.8) - 0.1 * log(0.9)) / (1 + 1 + 0.1)
    assert frames[0].total == pytest.approx(classes + (box_a + box_b) / 2, abs=1e-5)


def test_tracks_that_must_find_nobody_weigh_as_much_as_people(frames):
    third = frames[2]
    assert [query.weight for query in third.queries] == [1, 1, 1, 0.1, 0.1]
    # 1″ still half sees somebody and pays for it: a whole surprise, no box.
    assert third.queries[0].surprise == pytest.approx(-log(0.6), abs=1e-5)
    assert third.queries[0].box == 0
    classes = -log(0.6) - log(0.8) - log(0.6) - 0.1 * log(0.9) - 0.1 * log(0.9)
    assert float(third.losses.classification) == pytest.approx(classes / 3.2, abs=1e-5)


def test_what_each_query_costs_adds_up_to_the_loss_of_every_frame(frames):
    for frame in frames:
        weights = sum(query.weight for query in frame.queries)
        classes = sum(query.weight * query.surprise for query in frame.queries) / weights
        boxes = sum(query.box for query in frame.queries) / len(frame.frame.people)
        assert frame.total == pytest.approx(classes + boxes, abs=1e-5)
