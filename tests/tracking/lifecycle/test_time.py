"""Frames with times: what has really passed moves boxes on and uses up patience."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from trackformer.errors import ConfigError, DataError
from trackformer.models.trackformer import TrackFormer
from trackformer.tracking.lifecycle.advance import advance
from trackformer.tracking.lifecycle.tracks import Tracks, as_track_queries, expecting, no_tracks
from trackformer.tracking.settings import TrackerSettings
from trackformer.tracking.tracker import Tracker
from trackformer.tracking.videos.clock import time_of
from trackformer.types import Predictions
from trackformer.video.frames import Frame

SETTINGS = TrackerSettings(motion_smoothing=0, lost_motion=0.5, patience=2)


def answer(tracks: Tracks, x: float | None) -> Predictions:
    """One object at x, seen by its track's query or by the only object query; None: not seen."""
    num_tracks = len(tracks.ids)
    scores = torch.zeros(num_tracks + 1)
    if x is not None:
        scores[0] = 0.9
    boxes = torch.tensor([[0.0 if x is None else x, 0.5, 0.1, 0.1]]).repeat(num_tracks + 1, 1)
    return Predictions(
        scores, torch.zeros(num_tracks + 1, dtype=torch.long), boxes, torch.zeros(num_tracks + 1, 4)
    )


def after(
    seen: Sequence[tuple[float | None, float | None]], settings: TrackerSettings = SETTINGS
) -> Tracks:
    """The tracks after frames with (time, x of the object)."""
    tracks = no_tracks(4)
    for time_s, x in seen:
        tracks = expecting(tracks, time_s)
        tracks = advance(tracks, answer(tracks, x), settings)
    return tracks


def asked_x(tracks: Tracks, time_s: float | None) -> float:
    """Where the model is asked for the object at that time."""
    queries = as_track_queries(expecting(tracks, time_s), SETTINGS)
    return round(float(queries.boxes[0, 0, 0]), 5)


def test_an_object_is_looked_for_where_it_is_by_then():
    # 0.2 in 2 seconds.
    tracks = after([(10.0, 0.1), (12.0, 0.3)])
    assert asked_x(tracks, 13.0) == 0.4
    assert asked_x(tracks, 14.0) == 0.5
    assert asked_x(tracks, 12.5) == 0.35


def test_a_lost_object_goes_on_more_slowly_for_as_long_as_it_is_lost():
    # Seen at 1 s, not at 3 s; looked for at 4 s: 1 second at full, 2 at half its speed of 0.1.
    tracks = after([(0.0, 0.1), (1.0, 0.2), (3.0, None)])
    assert asked_x(tracks, 4.0) == 0.4


def test_a_dropped_frame_makes_no_object_faster():
    whole = after([(t / 10, 0.1 + 0.01 * t) for t in (0, 1, 2, 3, 4)])
    dropped = after([(t / 10, 0.1 + 0.01 * t) for t in (0, 1, 4)])
    assert torch.allclose(whole.displacements, torch.tensor([[0.1, 0.0]]), atol=1e-6)
    assert torch.allclose(dropped.displacements, whole.displacements, atol=1e-6)


def test_seconds_of_one_frame_each_are_as_counted_frames():
    xs = [0.1, 0.2, 0.35, None, None, 0.6]
    timed, counted = (
        after([(float(t), x) for t, x in enumerate(xs)]),
        after([(None, x) for x in xs]),
    )
    for name in ("ids", "boxes", "displacements", "frames_missed", "unseen_for"):
        assert torch.equal(getattr(timed, name), getattr(counted, name)), name
    assert (timed.time_s, counted.time_s) == (5, None)


@pytest.mark.parametrize(("missed_until", "alive"), [(3.0, 1), (3.1, 0)])
def test_patience_may_be_in_seconds(missed_until: float, alive: int):
    settings = SETTINGS.model_copy(update={"patience_s": 2.0})
    steps = [(t, None) for t in np.linspace(1.25, missed_until, 5).tolist()]
    assert len(after([(1.0, 0.1), *steps], settings).ids) == alive


def test_many_short_frames_use_up_no_patience_in_seconds():
    settings = SETTINGS.model_copy(update={"patience_s": 1.0})
    short = [(1 + 0.1 * step, None) for step in range(1, 11)]
    assert len(after([(1.0, 0.1), *short], settings).ids) == 1
    assert len(after([(1.0, 0.1), *short]).ids) == 0


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ((1.0, 1.0), r"expected more than the 1\.0 of the frame before, got 1\.0"),
        ((1.0, 0.5), r"expected more than the 1\.0 of the frame before, got 0\.5"),
        ((1.0, None), "expected one for every frame or for none, got None after 1.0 in frame 0"),
        ((None, 1.0), "expected one for every frame or for none, got 1.0 after None in frame 0"),
        ((float("nan"),), "expected seconds, got nan"),
    ],
)
def test_times_that_cannot_be_are_refused(times: Sequence[float | None], message: str):
    with pytest.raises(DataError, match=message):
        after([(time_s, 0.1) for time_s in times])


def test_a_tracker_takes_times_and_keeps_them_in_its_state(eager_model: TrackFormer):
    frame = np.full((48, 64, 3), 90, dtype=np.uint8)
    tracker = Tracker(eager_model, TrackerSettings(patience_s=1.0))
    tracker.update(frame, time_s=5.0)
    again = Tracker.restore(eager_model, tracker.state())
    assert again.tracks.time_s == 5.0
    with pytest.raises(DataError, match=r"expected more than the 5\.0"):
        again.update(frame, time_s=5.0)


def test_patience_in_seconds_wants_times(eager_model: TrackFormer):
    tracker = Tracker(eager_model, TrackerSettings(patience_s=1.0))
    with pytest.raises(ConfigError, match="patience_s: expected frames with times"):
        tracker.update(np.zeros((48, 64, 3), dtype=np.uint8))


def test_the_published_tracker_knows_no_times(eager_model: TrackFormer):
    tracker = Tracker(eager_model, TrackerSettings(compatibility="reference"))
    with pytest.raises(ConfigError, match="compatibility: reference knows no times"):
        tracker.update(np.zeros((48, 64, 3), dtype=np.uint8), time_s=0.0)
    with pytest.raises(ConfigError, match="the published tracker counts frames"):
        TrackerSettings(compatibility="reference", patience_s=1.0)


def test_a_clock_that_stands_still_is_wound_on():
    frames = [Frame(np.zeros((1, 1, 3), np.uint8), i, t) for i, t in enumerate((0.0, 0.5, 0.5))]
    times: list[float | None] = [None]
    for frame in frames:
        times.append(time_of(frame, 10.0, times[-1]))
    assert times[1:] == [0.0, 0.5, 0.6]


def test_pictures_without_a_clock_are_counted():
    assert time_of(Frame(np.zeros((1, 1, 3), np.uint8), 30, None), 25.0, 1.16) == 1.2
