"""Scenes held out: how they are dealt, how thresholds are chosen, what the tables say."""

from dataclasses import replace

import numpy as np
import pytest
from benchmarks.held_out import folds
from benchmarks.held_out import scores as kept
from benchmarks.held_out.choices import best_choice, chosen_on_the_others
from benchmarks.held_out.detections import best_temperature, score_error, target_in
from benchmarks.held_out.folds import dealt, scored_scenes, train_without
from benchmarks.held_out.scores import SHOWN, TAKEOVERS, Scores, scores_of_model, takeovers
from benchmarks.held_out.table import report, spread

from synthetic_videos import write_crossing
from tiny_models import tiny_model
from trackformer.checkpoints.model_files import save_model
from trackformer.config import settings_from
from trackformer.data.annotations import AnnotatedSequence, frame_without_objects
from trackformer.training.run_state import RunState, save_state
from trackformer.training.settings import TrainingSettings


def test_every_scene_is_held_out_exactly_once():
    names = [f"scene {number}" for number in range(6)]
    hands = dealt(names, 3)
    assert [len(hand) for hand in hands] == [2, 2, 2]
    assert sorted(name for hand in hands for name in hand) == names
    assert dealt(names, 9) == [(name,) for name in names]


def test_a_short_sequence_is_not_scored():
    frames = tuple(frame_without_objects(index, None) for index in range(60))
    long_one = AnnotatedSequence("long", frames, None, None, is_video=True)
    short_one = replace(long_one, name="short", frames=frames[:8])
    assert scored_scenes([long_one, short_one]) == (long_one,)


def hota(*values: float) -> list[dict[str, float]]:
    return [{"HOTA": value} for value in values]


def test_nothing_about_a_scene_is_chosen_on_it():
    scenes = {"a": hota(90, 10), "b": hota(10, 50), "c": hota(20, 60)}
    # The others of a prefer the second choice; those of b and c the first one, for the sake of a.
    assert chosen_on_the_others(scenes) == {
        "a": {"HOTA": 10},
        "b": {"HOTA": 10},
        "c": {"HOTA": 20},
    }
    assert best_choice(list(scenes.values())) == 0
    assert chosen_on_the_others({"a": hota(10, 90)}) == {"a": {"HOTA": 10}}


def test_takeovers_are_tracks_that_go_on_with_somebody_else():
    # Track 1 changes from object 5 to 7, and back: two of five boxes.
    assert takeovers([1, 1, 2, 1, 1], [5, 7, 6, 7, 5]) == 400
    assert takeovers([], []) == 0


def test_scores_that_mean_what_they_say_have_no_error():
    scores = np.array([0.75] * 4 + [0.25] * 4)
    hits = np.array([True] * 3 + [False] * 4 + [True])
    assert score_error(scores, hits) == pytest.approx(0)
    assert score_error(scores, np.ones(8, dtype=bool)) == pytest.approx(0.5)


def test_a_temperature_above_one_says_that_scores_are_too_sure():
    hits = np.array([True, True, True, False])
    # Right in three of four: 0.75, a logit of ln 3; 0.9 is ln 9, twice as much.
    assert best_temperature(np.full(4, 0.9), hits) == pytest.approx(2, rel=0.05)
    assert best_temperature(np.full(4, 0.75), hits) == pytest.approx(1, rel=0.05)


def test_hidden_people_are_neither_missed_nor_wrong():
    frame = replace(
        frame_without_objects(0, None),
        boxes_xyxy=np.array([[0.0, 0, 20, 10], [20, 0, 40, 10]]),
        labels=np.zeros(2, dtype=np.int64),
        track_ids=np.array([1, 2]),
        visibility=np.array([1.0, 0.1]),
    )
    target = target_in(frame, (20, 40))
    np.testing.assert_allclose(target.boxes, [[0.25, 0.25, 0.5, 0.5]])
    np.testing.assert_allclose(target.ignore_boxes, [[0.75, 0.25, 0.5, 0.5]])


def of_scene(value: float) -> Scores:
    """The same in every choice of thresholds."""
    choice = dict.fromkeys((*SHOWN, TAKEOVERS), value)
    shares = {"embeddings, AUC": value}
    return Scores((choice, choice), {"1": shares, "8": shares}, {"AP50": value})


def test_the_tables_show_both_sides_and_the_spread_over_seeds():
    ours = [{"a": of_scene(50), "b": of_scene(60)}, {"a": of_scene(52), "b": of_scene(62)}]
    lines = list(report(ours, {"a": of_scene(40), "b": of_scene(44)}))
    rows = [line.split(" | ") for line in lines if line.startswith("| ")]
    by_name = {row[0].strip("| "): row[1].strip(" |") for row in rows}
    assert by_name["a"] == "51.00±1.41"  # the later table: AP50
    assert by_name["8"] == "56.0±1.4"
    first = next(line for line in lines if line.startswith("| **mean**"))
    assert first.split(" | ")[1] == "56.0±1.4 / 42.0"
    assert spread([1.25]) == "1.2"


@pytest.fixture
def scene(tmp_path):
    from trackformer.data.read import read_annotations

    write_crossing(tmp_path / "data" / "a", num_frames=24)
    return read_annotations(tmp_path / "data").sequences[0]


def test_a_scene_is_measured_once_for_the_same_weights(tmp_path, scene, monkeypatch):
    weights = tmp_path / "weights.safetensors"
    save_model(tiny_model(), weights)
    first = scores_of_model(weights, scene, tmp_path / "a.json")
    assert set(first.choices[0]) == {*SHOWN, TAKEOVERS}
    assert list(first.association) == ["1", "4", "8", "16"]
    assert first.detection["AP50"] >= 0

    def refuse(*_args):
        raise AssertionError("measured again")

    monkeypatch.setattr(kept, "_measure", refuse)
    again = scores_of_model(weights, scene, tmp_path / "a.json")
    assert again.choices[0]["HOTA"] == first.choices[0]["HOTA"]
    save_model(tiny_model(seed=1), weights)
    with pytest.raises(AssertionError, match="measured again"):
        scores_of_model(weights, scene, tmp_path / "a.json")


def test_a_fold_trains_on_the_others_and_is_not_trained_again(tmp_path):
    for name in ("a", "b", "c"):
        write_crossing(tmp_path / "data" / name, num_frames=3)
    save_model(tiny_model(), tmp_path / "initial.safetensors")
    content = {
        "output": str(tmp_path / "unused"),
        "initial": str(tmp_path / "initial.safetensors"),
        "sources": [{"path": str(tmp_path / "data")}],
        "batch_size": 1,
        "clips": {"canvas": [64, 64]},
        "loss": {"classification": "mal"},
        "optimizer": {"steps": 1, "warmup_steps": 0},
        "diagnostics": {"every": 0, "pictures_every": 0},
        "class_names": ["person"],
        "workers": 0,
    }
    recipe = settings_from(TrainingSettings, content, "test")
    weights = train_without(["a", "c"], recipe, tmp_path / "data", tmp_path / "fold")
    assert [link.name for link in (tmp_path / "fold" / "others").iterdir()] == ["b"]
    made = weights.stat().st_mtime_ns
    train_without(["a", "c"], recipe, tmp_path / "data", tmp_path / "fold")
    assert weights.stat().st_mtime_ns == made


def test_other_boxes_of_a_scene_are_trained_on_but_not_where_it_is_held_out(tmp_path, monkeypatch):
    for name in ("a", "b", "c"):
        (tmp_path / "data" / name).mkdir(parents=True)
    for name in ("a", "b", "elsewhere"):
        (tmp_path / "relabelled" / name).mkdir(parents=True)
    recipe = settings_from(
        TrainingSettings, {"output": "o", "initial": "nano", "sources": [{"path": "data"}]}, "test"
    )
    steps = recipe.optimizer.steps
    monkeypatch.setattr(folds, "train", lambda *_args, **_given: None)
    monkeypatch.setattr(folds, "load_state", lambda _path: RunState(steps, {}, None, {}, {}, None))
    train_without(["a"], recipe, tmp_path / "data", tmp_path / "fold", tmp_path / "relabelled")
    links = {link.name: link.resolve() for link in (tmp_path / "fold" / "others").iterdir()}
    assert links == {"b": tmp_path / "relabelled" / "b", "c": tmp_path / "data" / "c"}


def test_weights_of_a_run_that_was_stopped_are_not_scored(tmp_path, monkeypatch):
    folder = tmp_path / "fold"
    content = {"output": "unused", "initial": "nano", "sources": [{"path": "data"}]}
    recipe = settings_from(TrainingSettings, content, "test")
    (tmp_path / "data").mkdir()

    def stopped(settings, *, resume):
        state = RunState(1, {}, None, {}, {}, None)
        settings.output.mkdir(parents=True)
        save_state(state, settings.output / "last.pt")

    monkeypatch.setattr(folds, "train", stopped)
    with pytest.raises(SystemExit, match="goes on"):
        train_without(["a"], recipe, tmp_path / "data", folder)
