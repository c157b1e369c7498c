"""Why a step decided as it did: what it tells must be what moves it."""

import functools

import numpy as np
import pytest
import torch
from torch import tensor

from trackformer.boxes import cxcywh_to_xyxy
from trackformer.predictions import Predictions
from trackformer.tracking.lifecycle.advance import advance
from trackformer.tracking.lifecycle.decisions import Decision, Rule, Waited
from trackformer.tracking.lifecycle.reasons import decisions_of
from trackformer.tracking.lifecycle.starting import starting
from trackformer.tracking.lifecycle.tracks import Tracks, no_tracks
from trackformer.tracking.settings import TrackerSettings

SETTINGS = TrackerSettings(birth_score=0.5, keep_score=0.3, reid_score=0.4, patience=2)
HERE, NEAR, THERE = [0.2, 0.5, 0.1, 0.1], [0.22, 0.5, 0.1, 0.1], [0.8, 0.5, 0.1, 0.1]
IMAGE_SIZE = (100, 100)


def predictions(*queries) -> Predictions:
    """Queries are (score, box)."""
    count = len(queries)
    return Predictions(
        scores=tensor([score for score, _ in queries], dtype=torch.float),
        labels=torch.zeros(count, dtype=torch.long),
        boxes=tensor([box for _, box in queries], dtype=torch.float).reshape(-1, 4),
        embeddings=torch.arange(float(count))[:, None].repeat(1, 3),
    )


def step(tracks, answer, settings, public=None) -> tuple[Tracks, tuple[Decision, ...]]:
    told = []
    after = advance(tracks, answer, settings, IMAGE_SIZE, public, lambda make: told.append(make()))
    return after, decisions_of(told, tracks.ids.tolist())


def reasons(*frames, **changes) -> list[Decision]:
    """Those of the last frame."""
    settings = SETTINGS.model_copy(update=changes)
    tracks, decisions = no_tracks(3), ()
    for frame in frames:
        tracks, decisions = step(tracks, predictions(*frame), settings)
    return list(decisions)


def test_a_kept_track_names_its_score_and_the_keep_score():
    (kept,) = reasons([(0.9, HERE)], [(0.75, NEAR)], keep_score=0.25)
    assert kept == Decision(0, Rule.KEPT, "keep_score", 0.75, 0.25)


def test_a_lost_track_names_both_why_and_since_when():
    below, lost = reasons([(0.9, HERE)], [(0.25, HERE)], [(0.25, HERE)])
    assert (below.rule, below.setting, below.value) == (Rule.BELOW, "reid_score", 0.25)
    assert lost == Decision(0, Rule.LOST, "patience", 2.0, 2.0)


def test_a_track_given_up_was_lost_for_longer_than_patience():
    lost = [(0.0, HERE)]
    *_, last = reasons([(0.9, HERE)], lost, lost, lost)
    assert last == Decision(0, Rule.GIVEN_UP, "patience", 3.0, 2.0)


def test_a_suppressed_track_names_the_better_one_and_their_overlap():
    two = [(0.9, HERE), (0.9, THERE)]
    found = reasons(two, [(0.6, HERE), (0.8, HERE)])
    assert found[2] == Decision(0, Rule.SUPPRESSED, "track_nms_iou", 1.0, 0.7, other=1)
    assert found[3].rule is Rule.LOST


def test_a_birth_on_a_track_names_it():
    found = reasons([(0.9, HERE)], [(0.9, HERE), (0.9, HERE)])
    assert found[-1] == Decision(1, Rule.ON_A_TRACK, "birth_nms_iou", 1.0, 0.6, other=0)


def test_a_detection_that_brings_a_track_back_and_the_track_name_each_other():
    lost = [(0.9, HERE)], [(0.0, HERE)]
    found = reasons(*lost, [(0.0, HERE), (0.9, NEAR)], reid_center_distance=5.0)
    by_distance = {each.rule: each for each in found}
    back, brings = by_distance[Rule.BACK_BY_DISTANCE], by_distance[Rule.BRINGS_BACK]
    assert (back.row, back.other, brings.row, brings.other) == (0, 1, 1, 0)
    assert back.value == pytest.approx(2.0, abs=1e-4)
    assert back.threshold == 5.0


def test_an_object_query_that_is_not_sure_enough_says_so():
    assert reasons([(0.5, HERE)]) == [Decision(0, Rule.NOT_BORN, "birth_score", 0.5, 0.5)]


def test_of_too_many_tracks_the_one_crowded_out_is_named():
    found = reasons([(0.9, HERE)], [(0.0, HERE), (0.9, THERE)], max_tracks=1)
    assert found[-1] == Decision(0, Rule.CROWDED_OUT, "max_tracks", 2.0, 1.0)


def test_a_listener_changes_nothing():
    generator = torch.Generator().manual_seed(3)
    told, silent = no_tracks(3), no_tracks(3)
    for _ in range(20):
        answer = crowd(len(told.ids), generator)
        told, _ = step(told, answer, SETTINGS)
        silent = advance(silent, answer, SETTINGS, IMAGE_SIZE)
        for name in ("ids", "boxes", "scores", "frames_missed", "displacements"):
            assert torch.equal(getattr(told, name), getattr(silent, name))


def crowd(num_tracks: int, generator: torch.Generator) -> Predictions:
    """Answers of so many tracks and eight objects, on top of one another and of any score."""
    count = num_tracks + 8
    draw = torch.rand((count, 5), generator=generator)
    boxes = torch.cat([0.4 + 0.2 * draw[:, :2], 0.1 + 0.05 * draw[:, 2:4]], dim=1)
    embeddings = torch.randn((count, 3), generator=generator)
    labels = torch.zeros(count, dtype=torch.long)
    return Predictions(draw[:, 4], labels, boxes, embeddings)


WORLDS = {
    "own": TrackerSettings(patience=2, termination_steps=2, max_tracks=9),
    "embedding": TrackerSettings(patience=4, reid_embedding_distance=1.0, reid_score=0.9),
    "distance": TrackerSettings(patience=4, reid_center_distance=20.0, reid_score=0.9),
    "seconds": TrackerSettings(patience_s=2.0),
    "a user's": TrackerSettings(patience=4),
    "published": TrackerSettings(
        patience=2, compatibility="reference", termination_steps=2, reid_embedding_distance=1.0
    ),
}
WHOLE = {"patience", "termination_steps", "max_tracks"}


def named(decision: Decision) -> tuple[object, ...]:
    return decision.row, decision.rule, decision.setting, decision.other


def moved_past(decision: Decision, settings: TrackerSettings) -> TrackerSettings:
    """The named threshold on the other side of the value."""
    assert decision.setting is not None
    assert decision.value is not None
    assert decision.threshold is not None
    is_above = decision.value > decision.threshold
    if decision.setting in WHOLE:
        # `patience` holds n = value or more, `termination_steps` more than value.
        value = int(decision.value)
        beyond = {"patience": value - 1, "termination_steps": value, "max_tracks": value - 1}
        threshold = value if is_above else beyond[decision.setting]
    else:
        # Seconds are compared with a tolerance: they are sums.
        step = 1e-3 if decision.setting == "patience_s" else 1e-6
        threshold = decision.value * (1 + (step if is_above else -step))
    return settings.model_copy(update={decision.setting: threshold})


@functools.cache
def rules_of(world: str) -> frozenset[Rule]:
    """Those of 250 decisions, each of which another threshold changes."""
    settings = WORLDS[world]
    generator = torch.Generator().manual_seed(1)
    tracks, num_decisions, rules = no_tracks(3), 0, set()
    while num_decisions < 250:
        if world == "a user's" and len(tracks.ids):
            tracks = starting(tracks, on_the_last(tracks), None, 1, settings)
        answer = crowd(len(tracks.ids), generator)
        after, decisions = step(tracks, answer, settings)
        for decision in (each for each in decisions if each.setting is not None):
            _, others = step(tracks, answer, moved_past(decision, settings))
            same = [each for each in others if named(each) == named(decision)]
            assert not same, (decision, same)
            num_decisions += 1
            rules.add(decision.rule)
        tracks = after
    assert tracks.frame_index > 5
    return frozenset(rules)


def on_the_last(tracks: Tracks) -> np.ndarray:
    """A user's box where the newest track was, in pixels."""
    return cxcywh_to_xyxy(tracks.boxes[-1:]).numpy() * IMAGE_SIZE[0]


@pytest.mark.parametrize("world", WORLDS)
def test_with_the_named_threshold_past_the_value_the_decision_changes(world):
    assert rules_of(world)


def test_every_rule_that_compares_is_replayed():
    compares_nothing = {Rule.STARTED, Rule.BORN, Rule.NOT_PUBLIC, Rule.EMPTY}
    assert frozenset().union(*map(rules_of, WORLDS)) == set(Rule) - compares_nothing


def test_a_track_whose_box_is_empty_names_no_threshold():
    waited = Waited(tensor([0]), tensor([1]), 5, tensor([False]), "patience")
    assert decisions_of([waited], [1]) == (Decision(0, Rule.EMPTY),)
