"""Training runs: resumable to the bit, stoppable, and refused in one line when they cannot work."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import yaml

from commands import HANGS_S
from synthetic_videos import write_crossing
from tiny_models import tiny_settings
from trackformer.checkpoints.load import load_model
from trackformer.errors import CheckpointError, ConfigError, DataError
from trackformer.folder_lock import only_writer
from trackformer.training.run import train
from trackformer.training.run_state import load_state
from trackformer.training.settings import TrainingSettings
from trackformer.training.watching.metrics_file import read_metrics


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return write_crossing(tmp_path_factory.mktemp("videos") / "crossing", num_frames=6)


@pytest.fixture
def recipe(video, tmp_path):
    """Settings of a run of four steps, as they would stand in a YAML file."""
    model = tiny_settings("rt_detr").model_dump(mode="json")
    return {
        "output": str(tmp_path / "run"),
        "sources": [{"path": str(video)}],
        "model": model,
        "batch_size": 2,
        "clips": {"canvas": [64, 96], "length": [1, 3]},
        "track_queries": {"loss_frames": "all", "carry_gradient": True, "patience": 1},
        "optimizer": {"steps": 4, "warmup_steps": 1, "ema_decay": 0.5},
        "workers": 0,
    }


def run(recipe, *, resume=False, **changes):
    return train(TrainingSettings.model_validate(recipe | changes), resume=resume)


def same_weights(first, second) -> bool:
    return all(
        torch.equal(one, other)
        for one, other in zip(
            first.state_dict().values(), second.state_dict().values(), strict=True
        )
    )


class StopAfter:
    """Sends SIGINT to this process in the given step, as Ctrl-C does."""

    def __init__(self, monkeypatch, step):
        from trackformer.training import run as module

        original = module._step

        def step_then_signal(running, clip):
            result = original(running, clip)
            if running.step == step:
                os.kill(os.getpid(), signal.SIGINT)
            return result

        monkeypatch.setattr(module, "_step", step_then_signal)


def test_a_run_leaves_weights_states_curves_and_its_record(recipe):
    output = run(recipe)
    names = {path.name.split(".")[0] for path in output.iterdir()}
    assert {"last", "run", "events"} <= names
    record = json.loads((output / "run.json").read_text())
    assert record["settings"]["optimizer"]["steps"] == 4
    assert record["data"][0]["frames"] == 6
    assert load_state(output / "last.pt").step == 4


def test_the_same_seed_gives_the_same_weights(recipe, tmp_path):
    first = load_model(run(recipe) / "last.safetensors")
    second = load_model(run(recipe, output=tmp_path / "again") / "last.safetensors")
    other = load_model(run(recipe, output=tmp_path / "other", seed=1) / "last.safetensors")
    assert same_weights(first, second)
    assert not same_weights(first, other)


def test_worker_processes_change_nothing(recipe, tmp_path):
    alone = load_model(run(recipe) / "last.safetensors")
    helped = load_model(run(recipe, output=tmp_path / "helped", workers=1) / "last.safetensors")
    assert same_weights(alone, helped)


def test_a_stopped_and_resumed_run_equals_an_uninterrupted_one(recipe, tmp_path, monkeypatch):
    expected = load_model(run(recipe) / "last.safetensors")
    with monkeypatch.context() as patch:
        StopAfter(patch, step=2)
        output = run(recipe, output=tmp_path / "stopped")
    assert load_state(output / "last.pt").step == 2
    resumed = load_model(run(recipe, resume=True, output=output) / "last.safetensors")
    assert load_state(output / "last.pt").step == 4
    assert same_weights(resumed, expected)


def test_signals_work_as_before_after_a_run(recipe, monkeypatch):
    before = signal.getsignal(signal.SIGINT)
    StopAfter(monkeypatch, step=1)
    run(recipe)
    assert signal.getsignal(signal.SIGINT) is before


def test_resuming_a_finished_run_changes_nothing(recipe):
    output = run(recipe)
    before = (output / "last.safetensors").read_bytes()
    assert (run(recipe, resume=True) / "last.safetensors").read_bytes() == before


@pytest.mark.slow
def test_ctrl_c_leaves_a_resumable_checkpoint(recipe, tmp_path):
    settings = tmp_path / "run.yaml"
    settings.write_text(yaml.safe_dump(recipe | {"optimizer": {"steps": 100000}}))
    script = (
        "import sys, pathlib; from trackformer.config import read_settings;"
        "from trackformer.training.settings import TrainingSettings;"
        "from trackformer.training.run import train;"
        "train(read_settings(TrainingSettings, pathlib.Path(sys.argv[1])))"
    )
    process = subprocess.Popen([sys.executable, "-c", script, str(settings)])
    wait_for_a_step(tmp_path / "run" / "metrics.csv", process)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=HANGS_S) == 0
    state = load_state(tmp_path / "run" / "last.pt")
    assert state.step >= 1
    more = {"optimizer": {"steps": state.step + 1}}
    assert load_state(run(recipe, resume=True, **more) / "last.pt").step == state.step + 1


def wait_for_a_step(metrics, process):
    end = time.monotonic() + HANGS_S
    while not read_metrics(metrics):
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.1)


def test_the_averaged_weights_are_the_ones_kept(recipe):
    output = run(recipe)
    kept = load_model(output / "last.safetensors").state_dict()
    state = load_state(output / "last.pt")
    name = "carry.projection.weight"
    assert torch.equal(kept[name], state.averaged[f"module.{name}"])
    assert not torch.equal(kept[name], state.model[name])


def test_without_averaging_the_weights_themselves_are_kept(recipe):
    output = run(recipe, optimizer={"steps": 2})
    kept = load_model(output / "last.safetensors").state_dict()
    state = load_state(output / "last.pt")
    assert state.averaged is None
    assert torch.equal(kept["carry.projection.weight"], state.model["carry.projection.weight"])


def test_the_best_checkpoint_is_that_of_the_best_validation(recipe, video):
    validation = {"path": str(video), "every": 2}
    output = run(recipe, validation=validation)
    assert load_model(output / "best.safetensors").settings.class_names == ("person",)
    lines = (output / "validation.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["step", "2", "4"]
    assert load_state(output / "last.pt").best_score is not None


def test_the_weights_carry_input_and_tracker_settings(recipe):
    area = {"area": 64 * 96, "multiple_of": 32}
    output = run(recipe, input=area, tracker={"patience": 21}, optimizer={"steps": 1})
    settings = load_model(output / "last.safetensors").settings
    assert settings.tracker["patience"] == 21
    assert settings.input.area == 64 * 96


def test_what_is_not_given_stays_as_it_came_with_initial_weights(recipe, tmp_path):
    tuned = {"patience": 21, "birth_score": 0.3}
    scale = {"area": 6144, "multiple_of": 32, "mean": [0, 0, 0], "std": [1, 1, 1]}
    first = run(recipe, input=scale, tracker=tuned, optimizer={"steps": 1})
    output = run(
        {name: value for name, value in recipe.items() if name != "model"},
        initial=str(first / "last.safetensors"),
        output=tmp_path / "second",
        input={"shorter_side": 64},
        tracker={"patience": 3},
        optimizer={"steps": 1},
    )
    settings = load_model(output / "last.safetensors").settings
    assert (settings.tracker["patience"], settings.tracker["birth_score"]) == (3, 0.3)
    assert (settings.input.area, settings.input.shorter_side) == (None, 64)
    assert (settings.input.multiple_of, settings.input.mean) == (32, (0, 0, 0))


def test_a_run_ends_with_the_weights_to_go_on_with(recipe, video, tmp_path, capsys):
    output = run(recipe, optimizer={"steps": 1})
    assert capsys.readouterr().out.splitlines()[-1] == str(output / "last.safetensors")
    validation = {"path": str(video), "every": 1}
    output = run(recipe, optimizer={"steps": 1}, validation=validation, output=tmp_path / "best")
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("best HOTA ")
    assert last.endswith(f": {output / 'best.safetensors'}")


def test_training_goes_on_from_weights_with_other_classes(recipe, tmp_path):
    first = run(recipe, optimizer={"steps": 1})
    without_model = {name: value for name, value in recipe.items() if name != "model"}
    output = run(
        without_model,
        initial=str(first / "last.safetensors"),
        output=tmp_path / "second",
        optimizer={"steps": 1},
    )
    assert load_model(output / "last.safetensors").settings.class_names == ("person",)


def test_a_run_is_not_overwritten(recipe):
    run(recipe, optimizer={"steps": 1})
    with pytest.raises(ConfigError, match="holds a training run already; go on with --resume"):
        run(recipe)


def test_resuming_nothing_is_refused(recipe):
    with pytest.raises(CheckpointError, match="no such checkpoint to resume from"):
        run(recipe, resume=True)


def test_resuming_with_another_model_is_refused(recipe):
    run(recipe, optimizer={"steps": 1})
    other = tiny_settings("deimv2").model_dump(mode="json")
    with pytest.raises(CheckpointError, match="the interrupted run had another model"):
        run(recipe, resume=True, model=other)


@pytest.mark.parametrize(("initial", "got"), [("nano", "both"), (None, "neither")])
def test_exactly_one_of_model_and_initial_is_needed(recipe, initial, got):
    model = recipe["model"] if initial else None
    with pytest.raises(ConfigError, match=f"exactly one of .*model and initial, got {got}"):
        run(recipe, model=model, initial=initial)


def test_a_source_with_none_of_the_classes_is_refused(recipe):
    message = "crossing: expected one of the classes car, dog, got person"
    with pytest.raises(ConfigError, match=message):
        run(recipe, class_names=["car", "dog"])


def test_a_loss_that_does_not_fit_the_model_is_refused(recipe):
    with pytest.raises(ConfigError, match=r"expected focal or mal, got 'cross_entropy'"):
        run(recipe, loss={"classification": "cross_entropy"})


def test_missing_data_are_named(recipe, tmp_path):
    with pytest.raises(DataError, match="nowhere"):
        run(recipe, sources=[{"path": str(tmp_path / "nowhere")}])


def test_refused_runs_leave_no_folder(recipe, tmp_path):
    with pytest.raises(ConfigError):
        run(recipe, class_names=["car"])
    assert not (tmp_path / "run").exists()


def test_a_loss_that_is_no_number_stops_the_run(recipe):
    with pytest.raises(DataError, match=r"step \d: the loss is (nan|inf); lower optimizer"):
        run(recipe, optimizer={"steps": 50, "learning_rate": 1e30, "warmup_steps": 0})


def test_without_a_terminal_the_first_and_the_last_step_are_said(recipe, capsys):
    run(recipe)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" loss ")[0] for line in lines[:2]] == ["step 1/4", "step 4/4"]


def test_resuming_a_finished_run_says_that_nothing_is_left(recipe, capsys):
    run(recipe)
    capsys.readouterr()
    run(recipe, resume=True)
    assert "run: nothing left to do, all 4 steps are done\n" in capsys.readouterr().out


def test_tensors_that_do_not_fit_are_summed_up_in_one_line(recipe):
    run(recipe)
    wider = recipe["model"]["detector"]["config"] | {"decoder_ffn_dim": 40}
    recipe["model"]["detector"]["config"] = wider
    with pytest.raises(CheckpointError) as refused:
        run(recipe, resume=True)
    message = str(refused.value)
    assert "\n" not in message
    assert "size mismatch for detector.network.decoder.layers.0" in message
    assert message.endswith(", and 5 more")


def test_a_run_into_the_folder_of_another_is_refused(recipe):
    with (
        only_writer(Path(recipe["output"])),
        pytest.raises(DataError, match="run: another run is writing into this folder"),
    ):
        run(recipe)
