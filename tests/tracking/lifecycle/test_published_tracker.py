"""The published tracker's decisions, frame by frame, on a detector that answers from a script."""

from __future__ import annotations

import functools
import json
from typing import Any

import pytest
import torch

from golden import scripted_detector
from golden.recordings import FOLDER
from trackformer.boxes import to_pixels_xyxy
from trackformer.predictions import predictions_of
from trackformer.tracking.lifecycle.advance import advance
from trackformer.tracking.lifecycle.published_settings import translated
from trackformer.tracking.lifecycle.tracks import Tracks, as_track_queries, no_tracks
from trackformer.tracking.settings import TrackerSettings
from trackformer.types import TrackQueries

SCENARIOS: dict[str, Any] = json.loads((FOLDER / "tracker_scripted.json").read_text())
IMAGE_SIZE = (scripted_detector.HEIGHT, scripted_detector.WIDTH)
WORLD = scripted_detector.script()


def settings_of(scenario: dict[str, Any]) -> TrackerSettings:
    """Published settings by our names; the clipping of boxes is the model's."""
    changes = translated(scenario["tracker_cfg"], "scenario")
    return TrackerSettings(**changes, clip_boxes=not scenario["overflow_boxes"])


@functools.cache
def run(name: str, **changes: object) -> list[tuple[TrackQueries, Tracks]]:
    """What was asked in every frame, and the state after it."""
    scenario = SCENARIOS[name]
    settings = settings_of(scenario).model_copy(update=changes)
    tracks, frames = no_tracks(scripted_detector.EMBEDDING_SIZE), []
    for t in range(scripted_detector.NUM_FRAMES):
        queries = as_track_queries(tracks, settings)
        output = scripted_detector.detect(
            WORLD, t, queries.embeddings[0], softmax=scenario["postprocess"] == "softmax"
        )
        public = None
        if scenario["tracker_cfg"]["public_detections"]:
            public = scripted_detector.public_detections(WORLD, t)
        tracks = advance(tracks, predictions_of(output), settings, IMAGE_SIZE, public)
        frames.append((queries, tracks))
    return frames


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_frame_equals_the_published_one(name: str):
    for (_, tracks), recorded in zip(run(name), SCENARIOS[name]["frames"], strict=True):
        is_active = tracks.frames_missed == 0
        assert (tracks.ids[is_active] - 1).tolist() == [row["id"] for row in recorded["tracks"]]
        assert_close(to_pixels_xyxy(tracks.boxes[is_active], IMAGE_SIZE), recorded, "box", 1e-3)
        assert_close(tracks.scores[is_active], recorded, "score", 1e-5)
        assert tracks.next_id - 1 == recorded["num_ids"]
        assert tracks.num_reidentified == recorded["num_reids"]


@pytest.mark.parametrize("name", SCENARIOS)
def test_lost_tracks_are_kept_and_counted_like_the_published_ones(name: str):
    patience = SCENARIOS[name]["tracker_cfg"]["inactive_patience"]
    for (_, tracks), recorded in zip(run(name), SCENARIOS[name]["frames"], strict=True):
        # Recorded before those are forgotten that the next frame does not ask for.
        lost = [row for row in recorded["inactive"] if row["missed"] <= patience and has_area(row)]
        is_lost = tracks.frames_missed > 0
        assert (tracks.ids[is_lost] - 1).tolist() == [row["id"] for row in lost]
        assert tracks.frames_missed[is_lost].tolist() == [row["missed"] for row in lost]


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_same_queries_are_asked(name: str):
    for (queries, _), recorded in zip(run(name), SCENARIOS[name]["frames"], strict=True):
        boxes = torch.tensor(recorded["query_boxes"] or []).reshape(-1, 4)
        embeddings = torch.tensor(recorded["query_embeddings"] or []).reshape(-1, 4)
        torch.testing.assert_close(queries.boxes[0], boxes, atol=2e-6, rtol=0)
        torch.testing.assert_close(queries.embeddings[0, :, :4], embeddings, atol=2e-5, rtol=0)


def test_by_default_another_class_is_an_object_too():
    # G is of class 0 in frames 5 to 8 only.
    reported = {t: labels_seen(state) for t, (_, state) in enumerate(default_run())}
    assert [t for t, labels in reported.items() if 3 in labels] == [4, 9, 10, 11]
    assert not any(3 in labels_seen(state) for _, state in run("reid_query_patience5"))


def test_by_default_a_return_begins_patience_anew():
    # B is lost in 4 to 6 and back in 7; the published count goes on from 3.
    assert (default_run()[7][1].published_counts == 0).all()
    published = run("reid_query_patience5")[8][1]
    assert published.published_counts[published.ids == 2].tolist() == [[3, 0]]


def test_by_default_a_waiting_track_is_not_reported_where_it_was():
    # I is at 0.38 in frame 6.
    waits = {"termination_steps": 2}
    name = "steps_termination2"
    before, published = (run(name)[t][1] for t in (5, 6))
    assert torch.equal(published.boxes[published.ids == 5], before.boxes[before.ids == 5])
    assert published.frames_missed[published.ids == 5].tolist() == [0]
    ours = default_run(**waits)[6][1]
    assert ours.frames_missed[ours.ids == 5].tolist() == [1]


def test_by_default_a_suppressed_track_is_lost_not_deleted():
    # D meets A in frame 8.
    ours, published = default_run()[8][1], run("reid_query_patience5")[8][1]
    assert 7 not in published.ids
    assert ours.frames_missed[ours.ids == find_d(default_run())].tolist() == [1]


def test_by_default_refused_births_take_no_id():
    # Everything that begins is numbered without gaps.
    ids = torch.cat([state.ids for _, state in default_run()]).unique()
    assert ids.tolist() == list(range(1, len(ids) + 1))
    assert 8 not in torch.cat([state.ids for _, state in run("default_noreid")])


def default_run(**changes: object) -> list[tuple[TrackQueries, Tracks]]:
    return run("reid_query_patience5", compatibility="none", **changes)


def labels_seen(tracks: Tracks) -> list[int]:
    return tracks.labels[tracks.frames_missed == 0].tolist()


def find_d(frames: list[tuple[TrackQueries, Tracks]]) -> int:
    """D is the only one that begins in frame 3."""
    return int(frames[3][1].ids[-1])


def has_area(row: dict[str, Any]) -> bool:
    left, top, right, bottom = row["box"]
    return right > left and bottom > top


def assert_close(actual: torch.Tensor, recorded: dict[str, Any], key: str, atol: float) -> None:
    expected = torch.tensor([row[key] for row in recorded["tracks"]]).reshape(actual.shape)
    torch.testing.assert_close(actual, expected, atol=atol, rtol=0)
