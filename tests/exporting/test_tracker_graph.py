"""The tracker inside a graph does what `advance` does, whatever the network answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper

from trackformer.errors import ConfigError
from trackformer.exporting.tracker_graph import with_tracker
from trackformer.input_settings import InputSettings
from trackformer.predictions import Predictions
from trackformer.tracking.lifecycle.advance import advance
from trackformer.tracking.lifecycle.tracks import Tracks, as_track_queries, no_tracks
from trackformer.tracking.settings import TrackerSettings
from trackformer.tracking.tracker_file import STATE, WHOLE

CHANNELS, OBJECT_QUERIES, FRAMES = 3, 12, 25
TOLD = {"scores": ("q", "k"), "boxes": ("q", 4), "embeddings": ("q", CHANNELS)}
ASKED = {"track_boxes": ("t", 4), "track_embeddings": ("t", CHANNELS)}


def told_frame() -> Any:
    """In place of a network: it answers what it is told."""
    inputs = [
        helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["b", 3, "h", "w"]),
        helper.make_tensor_value_info("track_embeddings", TensorProto.FLOAT, ["b", "t", CHANNELS]),
        helper.make_tensor_value_info("track_boxes", TensorProto.FLOAT, ["b", "t", 4]),
        helper.make_tensor_value_info("track_padding", TensorProto.BOOL, ["b", "t"]),
    ]
    outputs = [_real(name, sides) for name, sides in TOLD.items()]
    nodes = [helper.make_node("Identity", [f"frame_told_{name}"], [name]) for name in TOLD]
    graph = helper.make_graph(nodes, "told", inputs, outputs)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])


def _real(name: str, sides: tuple[int | str, ...]) -> Any:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, *sides])


def tracker_of(settings: TrackerSettings, slots: int) -> onnxruntime.InferenceSession:
    pixels = InputSettings(area=100)
    model = with_tracker(told_frame(), settings, pixels, slots)
    model.graph.input.extend(_real(f"frame_told_{name}", sides) for name, sides in TOLD.items())
    model.graph.output.extend(_real(f"frame_{name}", sides) for name, sides in ASKED.items())
    onnx.checker.check_model(model)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model.SerializeToString(), options)


@dataclass
class GraphTracker:
    session: onnxruntime.InferenceSession

    def __post_init__(self) -> None:
        places = {each.name: each.shape for each in self.session.get_inputs()}
        self.state = {
            name: np.zeros(places[name], np.int64 if name in WHOLE else np.float32)
            for name in STATE
        }

    def update(self, told: dict[str, np.ndarray], **thresholds: Any) -> dict[str, np.ndarray]:
        answers = {f"frame_told_{name}": array[None] for name, array in told.items()}
        given = {"pixels": np.zeros((4, 4, 3), np.uint8), **self.state, **answers, **thresholds}
        names = [each.name for each in self.session.get_outputs()]
        seen = dict(zip(names, self.session.run(None, given), strict=True))
        self.state = {name: seen[f"next_{name}"] for name in STATE}
        return seen


def answers(generator: np.random.Generator, num_queries: int) -> dict[str, np.ndarray]:
    """Few places and few scores: overlaps and ties everywhere, and boxes that are none."""
    centres = generator.choice([0.2, 0.25, 0.5, 0.7], (num_queries, 2))
    sizes = generator.choice([0.2, 0.3, 0.1, 0.0], (num_queries, 2), p=[0.4, 0.3, 0.25, 0.05])
    boxes = np.concatenate([centres, sizes], 1).astype(np.float32)
    boxes[generator.random(num_queries) < 0.03] = np.nan
    return {
        "scores": np.round(generator.random((num_queries, 2)), 1).astype(np.float32),
        "boxes": boxes,
        "embeddings": generator.random((num_queries, CHANNELS), dtype=np.float32),
    }


def predictions(told: dict[str, np.ndarray]) -> Predictions:
    scores, labels = torch.from_numpy(told["scores"]).max(-1)
    boxes, embeddings = (torch.from_numpy(told[name]) for name in ("boxes", "embeddings"))
    return Predictions(scores, labels, boxes, embeddings)


def assert_same(graph: GraphTracker, seen: dict[str, np.ndarray], tracks: Tracks) -> None:
    count = len(tracks.ids)
    rows = {name: array[:count] for name, array in graph.state.items()}
    assert rows["track_ids"].tolist() == tracks.ids.tolist()
    assert rows["track_missed"].tolist() == tracks.frames_missed.tolist()
    np.testing.assert_array_equal(rows["track_boxes"], tracks.boxes)
    np.testing.assert_array_equal(rows["track_embeddings"], tracks.embeddings)
    np.testing.assert_allclose(rows["track_displacements"], tracks.displacements, atol=1e-7)
    assert not graph.state["track_ids"][count:].any()
    is_seen = tracks.frames_missed == 0
    assert seen["ids"].tolist() == tracks.ids[is_seen].tolist()
    assert seen["scores"].tolist() == tracks.scores[is_seen].tolist()
    assert seen["labels"].tolist() == tracks.labels[is_seen].tolist()
    assert graph.state["last_id"].tolist() == [tracks.next_id - 1]


@pytest.mark.parametrize("slots", [40, 5])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"termination_steps": 3, "patience": 2, "max_tracks": 20},
        {"birth_nms_iou": None, "track_nms_iou": None, "motion": 0.5},
    ],
)
def test_it_is_advance_on_rows_of_a_fixed_number(changes, slots):
    settings = TrackerSettings(**changes)
    graph, tracks = GraphTracker(tracker_of(settings, slots)), no_tracks(CHANNELS)
    limited = settings.model_copy(update={"max_tracks": min(slots, settings.max_tracks)})
    generator, num_lost = np.random.default_rng(slots), 0
    for _ in range(FRAMES):
        told = answers(generator, len(tracks.ids) + OBJECT_QUERIES)
        asked = as_track_queries(tracks, settings)
        seen = graph.update(told)
        np.testing.assert_allclose(seen["frame_track_boxes"], asked.boxes, atol=1e-6)
        np.testing.assert_array_equal(seen["frame_track_embeddings"], asked.embeddings)
        tracks = advance(tracks, predictions(told), limited)
        assert_same(graph, seen, tracks)
        num_lost += int((tracks.frames_missed > 0).sum())
    assert tracks.next_id > 40  # many are born,
    assert num_lost > 20 or slots == 5  # and many are lost, where new ones leave them room


def one_box(*scores: float) -> dict[str, np.ndarray]:
    """As many queries, far apart from each other."""
    centres = np.linspace(0.1, 0.9, len(scores))
    boxes = np.stack([centres, centres, *[np.full(len(scores), 0.05)] * 2], 1)
    return {
        "scores": np.array(scores, np.float32)[:, None],
        "boxes": boxes.astype(np.float32),
        "embeddings": np.zeros((len(scores), CHANNELS), np.float32),
    }


def test_when_slots_run_out_the_youngest_are_dropped_and_counted():
    graph = GraphTracker(tracker_of(TrackerSettings(), slots=2))
    assert graph.update(one_box(0.9, 0.9, 0.9))["num_dropped"].tolist() == [1]
    seen = graph.update(one_box(0.9, 0.9))
    assert (seen["ids"].tolist(), seen["num_dropped"].tolist()) == ([1, 2], [0])


def test_boxes_are_corners():
    seen = GraphTracker(tracker_of(TrackerSettings(), slots=2)).update(one_box(0.9))
    np.testing.assert_allclose(seen["boxes"], [[0.075, 0.075, 0.125, 0.125]], atol=1e-6)


def test_thresholds_are_inputs_with_the_stored_ones_as_defaults():
    graph = GraphTracker(tracker_of(TrackerSettings(birth_score=0.6), slots=2))
    assert graph.update(one_box(0.5))["ids"].tolist() == []
    lower = np.array(0.4, np.float32)
    assert graph.update(one_box(0.5), birth_score=lower)["ids"].tolist() == [1]


@pytest.mark.parametrize(
    ("name", "value"),
    [("compatibility", "reference"), ("reid_center_distance", 50.0), ("patience_s", 2.0)],
)
def test_what_the_graph_does_not_know_is_refused(name, value):
    with pytest.raises(ConfigError, match=f"a tracker in one file knows no {name}"):
        tracker_of(TrackerSettings(**{name: value}), slots=2)
