"""Birth, keep, loss and return of tracks, on hand-made predictions."""

import pytest
import torch
from torch import tensor

from trackformer.predictions import Predictions
from trackformer.tracking.lifecycle.advance import advance
from trackformer.tracking.lifecycle.tracks import Tracks, as_track_queries, no_tracks
from trackformer.tracking.settings import TrackerSettings

SETTINGS = TrackerSettings(birth_score=0.5, keep_score=0.3, reid_score=0.4, patience=2)
HERE, NEAR, THERE = [0.2, 0.5, 0.1, 0.1], [0.22, 0.5, 0.1, 0.1], [0.8, 0.5, 0.1, 0.1]


def change(**settings) -> TrackerSettings:
    return SETTINGS.model_copy(update=settings)


def predictions(*queries, labels=None) -> Predictions:
    """Queries are (score, box); embeddings count 0, 1, 2, ..."""
    count = len(queries)
    return Predictions(
        scores=tensor([score for score, _ in queries], dtype=torch.float),
        labels=tensor(labels or [0] * count, dtype=torch.long),
        boxes=tensor([box for _, box in queries], dtype=torch.float).reshape(-1, 4),
        embeddings=torch.arange(float(count))[:, None].repeat(1, 3),
    )


def after(*frames, settings=SETTINGS) -> Tracks:
    """The state after some frames, each a list of (score, box), track queries first."""
    tracks = no_tracks(3)
    for frame in frames:
        tracks = advance(tracks, predictions(*frame), settings)
    return tracks


def test_nothing_begins_with_nothing():
    tracks = after([])
    assert (tracks.ids.tolist(), tracks.next_id, tracks.frame_index) == ([], 1, 0)


def test_object_queries_above_the_birth_score_begin_tracks():
    tracks = after([(0.6, HERE), (0.5, THERE), (0.9, THERE)])
    assert tracks.ids.tolist() == [1, 2]
    torch.testing.assert_close(tracks.boxes, tensor([HERE, THERE]))
    assert tracks.embeddings[:, 0].tolist() == [0, 2]


def test_a_track_goes_on_above_the_keep_score():
    tracks = after([(0.9, HERE)], [(0.31, NEAR), (0.1, THERE)])
    assert tracks.ids.tolist() == [1]
    assert tracks.frames_missed.tolist() == [0]
    torch.testing.assert_close(tracks.boxes, tensor([NEAR]))
    assert tracks.scores.tolist() == pytest.approx([0.31])


def test_a_track_below_the_keep_score_is_lost_and_keeps_its_last_state():
    tracks = after([(0.9, HERE)], [(0.29, THERE)])
    assert (tracks.ids.tolist(), tracks.frames_missed.tolist()) == ([1], [1])
    torch.testing.assert_close(tracks.boxes, tensor([HERE]))
    assert tracks.scores.tolist() == pytest.approx([0.9])


def test_a_lost_track_keeps_its_id_until_patience_runs_out():
    lost = [(0.0, HERE)]
    assert after([(0.9, HERE)], lost, lost).ids.tolist() == [1]
    assert after([(0.9, HERE)], lost, lost, lost).ids.tolist() == []


def test_without_patience_a_lost_track_is_gone():
    assert after([(0.9, HERE)], [(0.0, HERE)], settings=change(patience=0)).ids.tolist() == []


def test_a_lost_track_comes_back_above_the_reid_score_only():
    lost = [(0.9, HERE)], [(0.0, HERE)]
    assert after(*lost, [(0.35, NEAR)]).frames_missed.tolist() == [2]
    back = after(*lost, [(0.45, NEAR)])
    assert (back.ids.tolist(), back.frames_missed.tolist()) == ([1], [0])


def test_patience_begins_anew_when_a_track_comes_back():
    lost, back = [(0.0, HERE)], [(0.9, HERE)]
    tracks = after(back, lost, lost, back, lost, lost)
    assert (tracks.ids.tolist(), tracks.frames_missed.tolist()) == ([1], [2])


def test_ids_are_never_used_again():
    settings = change(patience=0)
    tracks = after([(0.9, HERE)], [(0.0, HERE)], [(0.9, HERE)], settings=settings)
    assert tracks.ids.tolist() == [2]


def test_old_tracks_come_first_and_new_ones_behind():
    tracks = after([(0.9, HERE)], [(0.9, HERE), (0.9, THERE)])
    assert tracks.ids.tolist() == [1, 2]


def test_of_two_tracks_on_one_object_the_lower_scoring_is_lost():
    two = [(0.9, HERE), (0.9, THERE)]
    met = [(0.6, HERE), (0.8, HERE)]
    assert after(two, met).frames_missed.tolist() == [1, 0]
    assert after(two, met, settings=change(track_nms_iou=None)).frames_missed.tolist() == [0, 0]


def test_no_track_is_born_on_a_track_however_sure():
    onto = [(0.4, HERE), (0.99, NEAR)]
    assert after([(0.9, HERE)], onto).ids.tolist() == [1]
    assert after([(0.9, HERE)], onto, settings=change(birth_nms_iou=None)).ids.tolist() == [1, 2]


def test_of_two_births_on_one_object_the_better_wins():
    tracks = after([(0.6, HERE), (0.8, NEAR)])
    torch.testing.assert_close(tracks.boxes, tensor([NEAR]))


def test_every_track_forbids_births_though_tracks_overlap_each_other():
    # IoU of neighbours 0.6: above birth_nms_iou, below track_nms_iou; the birth touches the second.
    first, second, birth = ([x, 0.5, 0.1, 0.1] for x in (0.200, 0.225, 0.250))
    settings = change(birth_nms_iou=0.5, track_nms_iou=0.8)
    two = after([(0.9, first), (0.9, THERE)], settings=settings)
    met = advance(two, predictions((0.9, first), (0.8, second), (0.9, birth)), settings)
    assert met.ids.tolist() == [1, 2]


def test_a_lost_track_does_not_forbid_births():
    tracks = after([(0.9, HERE)], [(0.1, HERE), (0.9, HERE)])
    assert tracks.ids.tolist() == [1, 2]
    assert tracks.frames_missed.tolist() == [1, 0]


@pytest.mark.parametrize(
    "broken",
    [[torch.nan, 0.5, 0.1, 0.1], [0.5, 0.5, torch.inf, 0.1], [0.5, 0.5, 0.0, 0.1]],
)
def test_broken_boxes_are_neither_born_nor_followed(broken):
    assert after([(0.9, broken)]).ids.tolist() == []
    tracks = after([(0.9, HERE)], [(0.9, broken)])
    assert tracks.frames_missed.tolist() == [1]
    torch.testing.assert_close(tracks.boxes, tensor([HERE]))


def test_scores_that_are_no_numbers_are_low():
    assert after([(torch.nan, HERE)]).ids.tolist() == []


def test_the_state_is_bounded_and_the_longest_lost_goes_first():
    settings = change(max_tracks=2)
    places = [(0.9, [x, 0.5, 0.1, 0.1]) for x in (0.2, 0.5, 0.8)]
    assert after(places, settings=settings).ids.tolist() == [1, 2]
    tracks = after(places[:2], [(0.0, HERE), places[1], places[2]], settings=settings)
    assert tracks.ids.tolist() == [2, 3]


def test_with_termination_steps_a_track_waits_before_it_is_lost():
    # Between keep_score and reid_score: enough for a waiting track, too little for a lost one.
    seen, low, back = [(0.9, HERE)], [(0.1, HERE)], [(0.35, NEAR)]
    waits = change(termination_steps=2)
    assert after(seen, low, back, settings=waits).frames_missed.tolist() == [0]
    assert after(seen, low, low, back, settings=waits).frames_missed.tolist() == [3]
    assert after(seen, low, back).frames_missed.tolist() == [2]


def test_a_waiting_track_is_not_seen_but_forbids_births():
    tracks = after([(0.9, HERE)], [(0.1, THERE), (0.9, NEAR)], settings=change(termination_steps=2))
    assert (tracks.ids.tolist(), tracks.frames_missed.tolist()) == ([1], [1])


def test_patience_begins_when_a_track_is_lost():
    low = [(0.0, HERE)]
    settings = change(termination_steps=2)
    assert after([(0.9, HERE)], low, low, low, settings=settings).ids.tolist() == [1]
    assert after([(0.9, HERE)], low, low, low, low, settings=settings).ids.tolist() == []


def test_clipped_boxes_end_at_the_border():
    tracks = after([(0.9, [0.0, 0.5, 0.2, 0.4])], settings=change(clip_boxes=True))
    torch.testing.assert_close(tracks.boxes, tensor([[0.05, 0.5, 0.1, 0.4]]))
    outside = [(0.9, [-0.2, 0.5, 0.2, 0.4])]
    assert after(outside, settings=change(clip_boxes=True)).ids.tolist() == []


def test_returns_are_counted():
    tracks = after([(0.9, HERE)], [(0.0, HERE)], [(0.9, HERE)], [(0.0, HERE)], [(0.9, HERE)])
    assert tracks.num_reidentified == 2


def test_labels_are_those_of_the_last_frame_that_saw_the_object():
    tracks = advance(no_tracks(3), predictions((0.9, HERE), labels=[2]), SETTINGS)
    assert tracks.labels.tolist() == [2]
    assert advance(tracks, predictions((0.9, HERE), labels=[1]), SETTINGS).labels.tolist() == [1]
    assert advance(tracks, predictions((0.0, HERE), labels=[1]), SETTINGS).labels.tolist() == [2]


def test_reference_boxes_move_on_by_a_share_of_the_last_displacement():
    tracks = after([(0.9, HERE)], [(0.9, NEAR)])
    moved = as_track_queries(tracks, change(motion=0.5)).boxes[0, 0]
    torch.testing.assert_close(moved, tensor([0.23, 0.5, 0.1, 0.1]))
    still = as_track_queries(tracks, change(motion=0)).boxes[0, 0]
    torch.testing.assert_close(still, tensor(NEAR))


def test_displacement_is_unknown_at_birth_and_stays_as_it_was_over_a_gap():
    assert after([(0.9, HERE)]).displacements.tolist() == [[0, 0]]
    back = after([(0.9, HERE)], [(0.9, NEAR)], [(0.0, NEAR)], [(0.9, THERE)])
    torch.testing.assert_close(back.displacements, tensor([[0.02, 0.0]]))


def test_displacement_is_smoothed_over_the_frames():
    faster = [0.3, 0.5, 0.1, 0.1]
    tracks = after([(0.9, HERE)], [(0.9, NEAR)], [(0.9, faster)])
    # 70 % of 0.02 and 30 % of 0.08.
    torch.testing.assert_close(tracks.displacements, tensor([[0.038, 0.0]]))


def test_a_lost_track_is_looked_for_where_it_would_be_by_now():
    lost = after([(0.9, HERE)], [(0.9, NEAR)], [(0.0, NEAR)], [(0.0, NEAR)])
    asked = as_track_queries(lost, change(lost_motion=0.5)).boxes[0, 0]
    # One frame at full speed and two at half: 0.22 and two times 0.02.
    torch.testing.assert_close(asked, tensor([0.26, 0.5, 0.1, 0.1]))
    waiting = as_track_queries(lost, change(lost_motion=0)).boxes[0, 0]
    torch.testing.assert_close(waiting, tensor([0.24, 0.5, 0.1, 0.1]))


def test_a_lost_track_keeps_its_displacement():
    lost = after([(0.9, HERE)], [(0.9, NEAR)], [(0.0, NEAR)])
    torch.testing.assert_close(lost.displacements, tensor([[0.02, 0.0]]))


def test_the_state_before_is_not_edited():
    before = after([(0.9, HERE)])
    advance(before, predictions((0.9, THERE), (0.9, HERE)), SETTINGS)
    assert before.ids.tolist() == [1]
    torch.testing.assert_close(before.boxes, tensor([HERE]))


def test_every_track_is_one_query():
    queries = as_track_queries(after([(0.9, HERE), (0.9, THERE)]), SETTINGS)
    assert queries.embeddings.shape == (1, 2, 3)
    assert not queries.is_padding.any()
