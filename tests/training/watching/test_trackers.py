"""Other experiment trackers, and runs that stop by themselves."""

from __future__ import annotations

import re

import pytest
from accelerate import tracking

from synthetic_videos import write_crossing
from tiny_models import tiny_settings
from trackformer.errors import ConfigError
from trackformer.training import run as module
from trackformer.training.run import train
from trackformer.training.run_state import load_state
from trackformer.training.settings import TrainingSettings
from trackformer.training.watching.metrics_file import read_metrics


class Recorder(tracking.GeneralTracker):
    """Takes what accelerate hands to a tracker."""

    name = "wandb"
    requires_logging_directory = False
    main_process_only = True
    said: list = []  # noqa: RUF012 - accelerate makes the tracker, so the class remembers

    def __init__(self, run_name: str, **_: object) -> None:
        super().__init__()
        self.said.append(("begun", run_name))

    @property
    def tracker(self):
        return self

    def store_init_configuration(self, values):
        self.said.append(("settings", values))

    def log(self, values, step, **_):
        self.said.append((step, values))

    def finish(self):
        self.said.append(("finished", None))


@pytest.fixture
def recipe(tmp_path):
    return {
        "output": str(tmp_path / "run"),
        "sources": [{"path": str(write_crossing(tmp_path / "crossing", num_frames=4))}],
        "model": tiny_settings("rt_detr").model_dump(mode="json"),
        "batch_size": 1,
        "clips": {"canvas": [64, 96]},
        "optimizer": {"steps": 2, "warmup_steps": 1},
        "workers": 0,
    }


def test_numbers_go_to_a_tracker_of_accelerate(recipe, monkeypatch, tmp_path):
    Recorder.said = []
    monkeypatch.setitem(tracking.LOGGER_TYPE_TO_CLASS, "wandb", Recorder)
    there = [*tracking.get_available_trackers(), tracking.LoggerType.WANDB]
    monkeypatch.setattr(tracking, "_available_trackers", there)
    train(TrainingSettings.model_validate(recipe | {"log": ["wandb"]}))
    said = dict(Recorder.said)
    assert said["begun"] == "trackformer"
    assert said["settings"]["optimizer.steps"] == 2
    assert {"train/loss", "train/learning_rate"} <= set(said[1])
    assert Recorder.said[-1] == ("finished", None)
    # TensorBoard was not asked for.
    assert not list((tmp_path / "run").glob("events.*"))
    assert len(read_metrics(tmp_path / "run" / "metrics.csv")) == 2


def test_a_tracker_that_is_not_installed_is_named(recipe, monkeypatch):
    monkeypatch.setattr(tracking, "_available_trackers", [])
    message = "log: expected the package of mlflow, which is not installed: pip install mlflow"
    with pytest.raises(ConfigError, match=message):
        train(TrainingSettings.model_validate(recipe | {"log": ["tensorboard", "mlflow"]}))


def test_a_tracker_that_cannot_begin_is_one_line(recipe, monkeypatch):
    class Unreached(Recorder):
        def __init__(self, run_name: str, **_: object) -> None:
            raise OSError("nobody\nis there")

    monkeypatch.setitem(tracking.LOGGER_TYPE_TO_CLASS, "wandb", Unreached)
    there = [*tracking.get_available_trackers(), tracking.LoggerType.WANDB]
    monkeypatch.setattr(tracking, "_available_trackers", there)
    message = "^log: wandb cannot begin an experiment: nobody is there$"
    with pytest.raises(ConfigError, match=message):
        train(TrainingSettings.model_validate(recipe | {"log": ["wandb"]}))


def pretend_scores(monkeypatch, hota):
    """Evaluations answer with these, one after another."""
    left, validate = iter(hota), module._validate

    class Scores:
        metric = "HOTA"

        def scores(self, _model):
            return {"HOTA": next(left)}

    def pretended(run, log):
        run.validation = Scores()
        validate(run, log)

    monkeypatch.setattr(module, "_validate", pretended)


def test_a_run_stops_when_scores_get_no_better(recipe, monkeypatch, tmp_path, capsys):
    pretend_scores(monkeypatch, [10.0, 30.0, 20.0, 30.0, 99.0])
    validation = {"path": str(tmp_path / "crossing"), "every": 1, "patience": 2}
    changes = {"optimizer": {"steps": 9, "warmup_steps": 1}, "validation": validation}
    train(TrainingSettings.model_validate(recipe | changes))
    state = load_state(tmp_path / "run" / "last.pt")
    # The best at step 2; neither step 3 nor step 4 was better.
    assert (state.step, state.best_score, state.evaluations_since_best) == (4, 30.0, 2)
    assert "no better HOTA in 2 evaluations" in capsys.readouterr().out


def test_a_run_that_settled_has_nothing_left_to_do_until_patience_is_raised(
    recipe, monkeypatch, tmp_path, capsys
):
    pretend_scores(monkeypatch, [10.0, 5.0, 4.0])
    validation = {"path": str(tmp_path / "crossing"), "every": 1, "patience": 1}
    settings = recipe | {"optimizer": {"steps": 3, "warmup_steps": 1}, "validation": validation}
    train(TrainingSettings.model_validate(settings))
    train(TrainingSettings.model_validate(settings), resume=True)
    said = capsys.readouterr().out
    assert "run: nothing left to do, stopped after step 2: no better HOTA in 1 evaluations" in said
    settings["validation"] = validation | {"patience": 5}
    train(TrainingSettings.model_validate(settings), resume=True)
    assert load_state(tmp_path / "run" / "last.pt").step == 3


def test_without_a_terminal_a_line_says_step_loss_rate_and_time_left(recipe, capsys):
    train(TrainingSettings.model_validate(recipe))
    first, last, _ = capsys.readouterr().out.splitlines()
    line = r"step {}/2 loss \d+\.\d{{3}} rate \d\.\de-\d\d \d+\.\d\d s a step, \d:\d\d:\d\d left"
    assert re.fullmatch(line.format(1), first)
    assert re.fullmatch(line.format(2), last)
    assert last.endswith("0:00:00 left")
