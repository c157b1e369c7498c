"""Suspicious moments of hand-made ways: people of height 40 who walk along a line."""

import numpy as np
import pytest

from trackformer.inspecting.moments import suspicious_moments
from trackformer.inspecting.run_folder import Seen
from trackformer.tracking.tracing.records import (
    TracedDecision,
    TracedFrame,
    TracedLayer,
    TracedQuery,
)


def seen(x, y=100.0) -> Seen:
    return Seen(np.array([x - 10, y - 20, x + 10, y + 20]), 0.9, "person")


def walk(*ways, frames=30):
    """In every frame, each identity's x by its way, a function of the frame; None: not seen."""
    return [
        {
            track_id: seen(x)
            for track_id, way in enumerate(ways, start=1)
            if (x := way(frame)) is not None
        }
        for frame in range(frames)
    ]


def right(frame):
    return 100.0 + 4 * frame


def left(frame):
    return 220.0 - 4 * frame


def test_who_goes_on_as_he_went_is_not_suspicious():
    assert suspicious_moments(walk(right, lambda frame: 500.0)) == ()


def test_two_who_pass_each_other_are_not_suspicious():
    assert suspicious_moments(walk(right, left)) == ()


def test_two_who_turn_back_where_they_met_are_an_exchange():
    # They meet at 160, in frame 15.
    turned = walk(
        lambda frame: right(frame) if frame < 15 else left(frame),
        lambda frame: left(frame) if frame < 15 else right(frame),
    )
    first = suspicious_moments(turned)[0]
    assert (first.kind, first.track_ids) == ("exchange", (1, 2))
    assert abs(first.frame - 15) <= 2


def test_an_identity_that_jumps_to_where_another_goes_takes_over():
    swapped = walk(
        lambda frame: 100.0 if frame < 12 else 300.0 + 4 * frame,
        lambda frame: 300.0 + 4 * frame if frame < 12 else None,
    )
    first = suspicious_moments(swapped)[0]
    assert (first.kind, first.frame, first.track_ids) == ("takeover", 12, (1, 2))


def test_a_jump_to_an_empty_place_is_a_jump():
    first = suspicious_moments(walk(lambda frame: 100.0 if frame < 12 else 300.0))[0]
    assert (first.kind, first.frame, first.track_ids) == ("jump", 12, (1,))


def test_who_comes_back_elsewhere_is_told_from_who_comes_back_where_his_way_leads():
    def hidden(frame):
        return None if 10 <= frame < 16 else right(frame)

    assert suspicious_moments(walk(hidden)) == ()
    back = walk(lambda frame: hidden(frame) if frame < 16 else 400.0)
    assert suspicious_moments(back)[0].kind == "back elsewhere"


def test_two_identities_with_one_box_are_found():
    twins = walk(right, lambda frame: right(frame) + 1 if frame > 5 else None)
    kinds = {moment.kind: moment for moment in suspicious_moments(twins)}
    assert kinds["two on one"].track_ids == (1, 2)
    assert kinds["two on one"].frame == 6


def traced(frame, track_id, other, overlap=0.75):
    """A frame in which a track was suppressed by another one."""
    decision = TracedDecision("suppressed", "track_nms_iou", overlap, 0.7, 1, other)
    box = (0.5, 0.5, 0.1, 0.1)
    layers = (TracedLayer(0.6, box),)
    query = TracedQuery(0, "track", track_id, 0, box, box, layers, (decision,))
    return TracedFrame(frame, (100, 100), 2, (track_id, other), (0, 0), 0, (query,))


def test_a_track_that_a_surer_one_on_the_same_object_held_back_is_found_in_the_trace():
    # The second is lost in frame 10 for good: no box tells, the trace does.
    lost = walk(right, lambda frame: right(frame) + 60 if frame < 10 else None)
    assert suspicious_moments(lost) == ()
    (moment,) = suspicious_moments(lost, [traced(frame, 2, 1) for frame in (10, 11, 12)])
    assert (moment.kind, moment.frame, moment.track_ids) == ("held back", 10, (2, 1))
    # Three frames of six.
    assert moment.severity == pytest.approx(0.75 / 2)


def test_who_was_held_back_and_is_seen_again_matters_half_as_much():
    passing = walk(right, lambda frame: None if frame == 10 else right(frame) + 60)
    (moment,) = suspicious_moments(passing, [traced(10, 2, 1)])
    assert moment.severity == pytest.approx(0.75 / 6 / 2)


def test_a_birth_where_another_was_lost_names_both():
    lost = walk(
        lambda frame: right(frame) if frame < 12 else None,
        lambda frame: right(frame) if frame >= 15 else None,
    )
    (moment,) = suspicious_moments(lost)
    assert (moment.kind, moment.frame, moment.track_ids) == ("new one", 15, (2, 1))


def test_the_worst_comes_first_and_nothing_twice():
    moments = suspicious_moments(walk(lambda frame: 100.0 if frame < 12 else 300.0, left))
    severities = [moment.severity for moment in moments]
    assert severities == sorted(severities, reverse=True)
    assert len({(moment.frame, moment.track_ids) for moment in moments}) == len(moments)
