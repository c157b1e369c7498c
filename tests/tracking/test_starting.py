"""Tracks that a user begins."""

import numpy as np
import pytest
import torch

from tiny_models import tiny_model
from trackformer.errors import ConfigError, DataError
from trackformer.predictions import Predictions
from trackformer.tracking.lifecycle.advance import advance
from trackformer.tracking.lifecycle.decisions import Rule
from trackformer.tracking.lifecycle.reasons import decisions_of
from trackformer.tracking.lifecycle.starting import starting
from trackformer.tracking.lifecycle.tracks import no_tracks
from trackformer.tracking.prepared_frame import prepare_frame
from trackformer.tracking.settings import TrackerSettings
from trackformer.tracking.steps import update_together
from trackformer.tracking.tracker import Tracker

SETTINGS = TrackerSettings(birth_score=0.5, keep_score=0.4, patience=1, max_tracks=1)
SIZE = (100, 100)


def answers(scores, boxes):
    """Boxes as (x, y, width, height) of the centre; embeddings count from 0."""
    num = len(scores)
    return Predictions(
        scores=torch.tensor(scores, dtype=torch.float32),
        labels=torch.zeros(num, dtype=torch.long),
        boxes=torch.tensor(boxes, dtype=torch.float32),
        embeddings=torch.arange(num).float()[:, None],
    )


LEFT, RIGHT, BELOW = [0.2, 0.5, 0.2, 0.4], [0.8, 0.5, 0.2, 0.4], [0.8, 0.85, 0.2, 0.2]


def started(boxes, labels=None, settings=SETTINGS):
    return starting(no_tracks(1), np.array(boxes, dtype=float), labels, 2, settings)


def test_a_users_box_goes_on_with_the_nearest_query_whatever_it_scores():
    tracks = started([[72, 30, 92, 70]], labels=[1])
    now = advance(tracks, answers([0.9, 0.01, 0.02], [LEFT, RIGHT, BELOW]), SETTINGS, SIZE)
    # The user's comes first, with the box and class of the user and the embedding of the query.
    assert now.ids.tolist() == [1]
    assert torch.allclose(now.boxes[0], torch.tensor([0.82, 0.5, 0.2, 0.4]))
    assert (now.labels.tolist(), now.embeddings.tolist()) == ([1], [[1.0]])
    assert now.starting == ()


def test_two_boxes_never_share_a_query():
    tracks = started([[72, 30, 92, 70], [70, 30, 90, 70]])
    settings = SETTINGS.model_copy(update={"max_tracks": 9})
    now = advance(tracks, answers([0.9, 0.01, 0.02], [LEFT, RIGHT, BELOW]), settings, SIZE)
    # The second lies exactly on the query at the right; the other gets the one below.
    assert now.ids.tolist() == [1, 2, 3]
    assert now.embeddings[:, 0].tolist() == [2.0, 1.0, 0.0]
    assert now.is_started.tolist() == [True, True, False]


def test_nothing_else_begins_where_a_users_box_is():
    tracks = started([[70, 30, 90, 70]])
    settings = SETTINGS.model_copy(update={"max_tracks": 9, "birth_nms_iou": 0.6})
    double = [0.8, 0.5, 0.2, 0.38]
    now = advance(tracks, answers([0.9, 0.8], [double, RIGHT]), settings, SIZE)
    assert now.ids.tolist() == [1]


REPLACING = SETTINGS.model_copy(update={"max_tracks": 9, "birth_nms_iou": 0.6})


def drawn_on_a_track(box, settings=REPLACING):
    """A track of the tracker's own at the right, then a user's box; its own query answers there."""
    tracks = advance(no_tracks(1), answers([0.9], [RIGHT]), settings, SIZE)
    tracks = starting(tracks, np.array([box], dtype=float), None, 2, settings)
    told = []
    frame = answers([0.9, 0.01, 0.02], [RIGHT, RIGHT, LEFT])
    now = advance(tracks, frame, settings, SIZE, tell=lambda make: told.append(make()))
    return now, decisions_of(told, [1])


def test_a_users_box_on_a_track_of_the_trackers_own_replaces_it():
    # 20 x 40 of both, 2 apart: they share 18 of 22.
    now, decisions = drawn_on_a_track([72, 30, 92, 70])
    assert (now.ids.tolist(), now.is_started.tolist()) == ([2], [True])
    (replaced,) = [each for each in decisions if each.rule is Rule.REPLACED]
    assert (replaced.row, replaced.setting, replaced.other) == (0, "birth_nms_iou", 1)
    assert replaced.value == pytest.approx(18 / 22)


def test_a_users_box_beside_a_track_replaces_nothing():
    # 6 apart: they share 14 of 26, less than 0.6.
    now, _ = drawn_on_a_track([76, 30, 96, 70])
    assert now.ids.tolist() == [1, 2]
    without = REPLACING.model_copy(update={"birth_nms_iou": None})
    assert drawn_on_a_track([72, 30, 92, 70], without)[0].ids.tolist() == [1, 2]


def test_a_user_who_draws_on_a_track_of_theirs_means_a_second_object():
    tracks = advance(started([[70, 30, 90, 70]]), answers([0.1], [RIGHT]), REPLACING, SIZE)
    tracks = starting(tracks, np.array([[70.0, 30, 90, 70]]), None, 2, REPLACING)
    now = advance(tracks, answers([0.9, 0.1], [RIGHT, RIGHT]), REPLACING, SIZE)
    assert now.ids.tolist() == [1, 2]


def test_no_track_of_the_trackers_own_holds_a_users_back():
    settings = REPLACING.model_copy(update={"track_nms_iou": 0.7})
    # 1 is the user's, 2 the tracker's; both queries answer at the right, the tracker's surer.
    tracks = advance(
        started([[70, 30, 90, 70]]), answers([0.1, 0.9], [RIGHT, LEFT]), settings, SIZE
    )
    now = advance(tracks, answers([0.5, 0.9], [RIGHT, RIGHT]), settings, SIZE)
    assert dict(zip(now.ids.tolist(), now.frames_missed.tolist(), strict=True)) == {1: 0, 2: 1}


def test_it_is_given_up_by_patience_and_by_nothing_else():
    settings = SETTINGS.model_copy(update={"birth_nms_iou": None})
    now = advance(started([[70, 30, 90, 70]]), answers([0.0], [RIGHT]), settings, SIZE)
    # Another object is seen, there may be one track only, and the user's has been lost.
    now = advance(now, answers([0.1, 0.9], [RIGHT, LEFT]), settings, SIZE)
    assert (now.ids.tolist(), now.frames_missed.tolist()) == ([1], [1])
    now = advance(now, answers([0.1, 0.9], [RIGHT, LEFT]), settings, SIZE)
    assert now.ids.tolist() == [3]


def test_the_rule_is_told_with_the_overlap():
    told = []
    predictions = answers([0.9, 0.01], [LEFT, RIGHT])
    tracks = started([[70, 30, 90, 50]])
    advance(tracks, predictions, SETTINGS, SIZE, tell=lambda make: told.append(make()))
    decisions = [each for each in decisions_of(told, []) if each.row == 1]
    # The score was too low for a birth, and then did not matter; half of the box is the user's.
    assert [each.rule for each in decisions] == [Rule.NOT_BORN, Rule.STARTED]
    assert decisions[1].value == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("boxes", "labels", "message"),
    [
        ([[5, 0, 5, 9]], None, "expected a box as left < right"),
        ([[0, 0, float("nan"), 9]], None, "expected a box as left < right"),
        ([[0, 0, 9, 9]], [2], "expected a label from 0 to 1, got 2"),
        ([[0, 0, 9, 9]], [], "expected a label for each of 1, got 0"),
    ],
)
def test_what_cannot_be_begun_is_refused(boxes, labels, message):
    with pytest.raises(DataError, match=message):
        started(boxes, labels)


def test_the_published_tracker_cannot():
    with pytest.raises(ConfigError, match="the published tracker cannot"):
        started([[0, 0, 9, 9]], settings=TrackerSettings(compatibility="reference"))


def test_more_boxes_than_queries_are_refused():
    tracks = started([[0, 0, 9, 9], [1, 1, 9, 9]])
    with pytest.raises(DataError, match="expected at most 1 boxes"):
        advance(tracks, answers([0.9], [LEFT]), SETTINGS, SIZE)


@pytest.fixture(scope="module")
def model():
    return tiny_model("rt_detr")


def frame(seed):
    return np.random.default_rng(seed).integers(0, 256, (60, 80, 3), dtype=np.uint8)


BOX = np.array([[10.0, 20, 30, 50]])
NEVER_BORN = TrackerSettings(birth_score=1, keep_score=0, reid_score=0, track_nms_iou=None)


def test_a_started_track_is_followed_in_a_stream(model):
    tracker = Tracker(model, NEVER_BORN)
    assert tracker.update(frame(0)).track_ids.tolist() == []
    assert tracker.start(BOX, labels=[1]).tolist() == [1]
    assert tracker.start(BOX + 20).tolist() == [2]
    objects = tracker.update(frame(1))
    assert objects.track_ids.tolist() == [1, 2]
    assert np.allclose(objects.boxes_xyxy, np.concatenate([BOX, BOX + 20]), atol=1e-4)
    assert tracker.update(frame(2)).track_ids.tolist() == [1, 2]


def test_what_is_begun_and_what_has_begun_survive_in_a_state(model):
    def steps(tracker, is_kept):
        tracker.start(BOX)
        answers = []
        for seed in range(3):
            if is_kept:
                tracker = Tracker.restore(model, tracker.state())
            answers.append(tracker.update(frame(seed)).boxes_xyxy)
        assert tracker.tracks.is_started.tolist() == [True]
        return np.stack(answers)

    through = steps(Tracker(model, NEVER_BORN), is_kept=False)
    assert np.array_equal(through, steps(Tracker(model, NEVER_BORN), is_kept=True))


def test_streams_together_begin_what_each_was_told(model):
    alone, first, second = (Tracker(model, NEVER_BORN) for _ in range(3))
    alone.start(BOX)
    first.start(BOX)
    alone.update(frame(0))
    expected = alone.update(frame(1))
    frames = [prepare_frame(model, frame(seed)) for seed in range(2)]
    update_together(model, [first, second], [frames[0], frames[0]])
    got, nothing = update_together(model, [first, second], [frames[1], frames[1]])
    assert np.allclose(got.boxes_xyxy, expected.boxes_xyxy, atol=1e-3)
    assert len(nothing.track_ids) == 0


def test_without_a_start_nothing_else_is_asked(model, monkeypatch):
    asked = []
    forward = type(model).forward
    monkeypatch.setattr(
        type(model),
        "forward",
        lambda self, *a, **k: asked.append(k["proposed"]) or forward(self, *a, **k),
    )
    Tracker(model, NEVER_BORN).update(frame(0))
    assert asked == [None]
