"""A traced run writes what was asked, answered and decided, and is the same run."""

import numpy as np
import pytest
import torch

from tiny_models import tiny_model
from trackformer.errors import DataError
from trackformer.models.fast.optimize import optimize_for_inference
from trackformer.tracking.prepared_frame import prepare_frame
from trackformer.tracking.settings import TrackerSettings
from trackformer.tracking.steps import update_together
from trackformer.tracking.tracing.reading import TRACE_NAME, open_trace_file
from trackformer.tracking.tracing.records import RunNames, TraceHeader
from trackformer.tracking.tracing.writing import Trace
from trackformer.tracking.tracker import Tracker

# Random models are sure of nothing: everything is born, half of it is lost.
SETTINGS = TrackerSettings(
    birth_score=0.3, keep_score=0.5, reid_score=0.5, track_nms_iou=None, birth_nms_iou=None
)
HEADER = TraceHeader(RunNames("tiny", None), {}, ("person", "dog"), 32, 25.0)


def frames(count):
    generator = np.random.default_rng(0)
    return generator.integers(0, 256, (count, 64, 64, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def model():
    return optimize_for_inference(tiny_model("deimv2"), every_layer=True)


@pytest.fixture(scope="module")
def traced(model, tmp_path_factory):
    """A trace of four frames, and the state before each."""
    path = tmp_path_factory.mktemp("run") / TRACE_NAME
    before = []
    with Trace(path, HEADER) as trace:
        tracker = Tracker(model, SETTINGS, trace=trace)
        for frame in frames(4):
            before.append(tracker.tracks)
            tracker.update(frame)
    return path, before


def test_every_track_asked_about_and_its_embedding_can_be_read_again(traced):
    path, before = traced
    trace = open_trace_file(path.parent)
    for frame, tracks in zip(trace.frames(), before, strict=True):
        assert list(frame.track_ids) == tracks.ids.tolist()
        np.testing.assert_array_equal(trace.embeddings(frame), tracks.embeddings.numpy())
        asked = [query.track_id for query in frame.queries if query.origin in ("track", "lost")]
        assert asked == tracks.ids.tolist()


def test_queries_tell_what_each_decoder_layer_answered(traced):
    frame = open_trace_file(traced[0]).frame(2)
    assert {len(query.layers) for query in frame.queries} == {2}
    query = frame.queries[0]
    assert query.layers[-1].score == pytest.approx(query.decisions[0].value, abs=1e-5)


def test_the_born_have_their_identity(traced):
    first = open_trace_file(traced[0]).frame(0)
    born = [each for each in first.queries if each.decisions[-1].rule == "born"]
    assert [each.track_id for each in born] == traced[1][1].ids.tolist()
    assert {each.origin for each in born} == {"object"}


def test_tracks_are_the_same_bit_by_bit_with_and_without_a_trace(model, traced):
    tracker = Tracker(model, SETTINGS)
    for frame, tracks in zip(frames(4), traced[1], strict=True):
        for name in ("ids", "boxes", "scores", "embeddings", "frames_missed"):
            assert torch.equal(getattr(tracker.tracks, name), getattr(tracks, name))
        tracker.update(frame)


def test_streams_side_by_side_are_traced_each_for_itself(model, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    paths = tmp_path / "a" / TRACE_NAME, tmp_path / "b" / TRACE_NAME
    with Trace(paths[0], HEADER) as first, Trace(paths[1], HEADER) as second:
        trackers = [Tracker(model, SETTINGS, trace=trace) for trace in (first, second)]
        for left, right in zip(frames(4)[:2], frames(4)[2:], strict=True):
            update_together(model, trackers, [prepare_frame(model, each) for each in (left, right)])
    counts = [len(list(open_trace_file(path).frames())) for path in paths]
    assert counts == [2, 2]


def test_the_line_of_a_killed_run_is_left_out(traced, tmp_path):
    text = traced[0].read_text()
    cut = tmp_path / TRACE_NAME
    cut.write_text(text[:-20])
    assert [frame.frame_index for frame in open_trace_file(cut).frames()] == [0, 1, 2]


@pytest.mark.parametrize("content", ["", "{}\n", "no json\n", '{"trackformer_trace": 99}\n'])
def test_what_is_no_trace_is_refused_by_name(tmp_path, content):
    (tmp_path / TRACE_NAME).write_text(content)
    with pytest.raises(DataError, match=r"trace\.jsonl: expected a trace"):
        open_trace_file(tmp_path)


def test_a_folder_without_a_trace_says_how_to_make_one(tmp_path):
    with pytest.raises(DataError, match="--trace writes one"):
        open_trace_file(tmp_path)


def test_a_frame_beyond_the_last_is_refused(traced):
    with pytest.raises(DataError, match="expected a frame up to 4, got 10"):
        open_trace_file(traced[0]).frame(9)
