"""Batch sizes found by trying."""

import json

import pytest
import torch

from synthetic_videos import write_crossing
from tiny_models import tiny_settings
from trackformer.checkpoints.load import load_model
from trackformer.errors import ConfigError
from trackformer.training import batch_size as module
from trackformer.training.batch_size import LARGEST, find_batch_size
from trackformer.training.run import train
from trackformer.training.run_state import load_state
from trackformer.training.settings import TrainingSettings

MEGABYTE = 2**20


def out_of_memory(clips):
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")


def test_the_size_before_the_one_that_ran_out_of_memory_is_taken():
    found = find_batch_size(
        lambda clips: out_of_memory(clips) if clips > 4 else clips * MEGABYTE, 10**12
    )
    assert found["clips"] == 4
    assert found["megabytes"] == {"1": 1.0, "2": 2.0, "4": 4.0}
    assert found["because"] == "8 did not fit into memory"


def test_a_size_is_not_tried_if_twice_the_bytes_before_it_are_not_free():
    tried = []

    def attempt(clips):
        tried.append(clips)
        return clips * 10 * MEGABYTE

    found = find_batch_size(attempt, 70 * MEGABYTE)
    assert (found["clips"], tried) == (4, [1, 2, 4])
    assert found["because"] == "8 would take about 80 MB, and 70 MB may be taken"


def test_there_is_a_largest_size():
    found = find_batch_size(lambda clips: clips, 10**12)
    assert found["clips"] == LARGEST == 64


def test_a_clip_that_does_not_fit_is_refused_with_what_helps():
    with pytest.raises(ConfigError, match="batch_size: expected memory for a clip at least; 1 did"):
        find_batch_size(out_of_memory, 10**12)
    with pytest.raises(
        ConfigError, match=r"1 took 3 MB, and 2 MB may be taken; lower clips.canvas"
    ):
        find_batch_size(lambda clips: 3 * MEGABYTE, 2 * MEGABYTE)


def test_other_errors_are_not_taken_for_a_lack_of_memory():
    def broken(_clips):
        raise RuntimeError("shapes do not fit")

    with pytest.raises(RuntimeError, match="shapes"):
        find_batch_size(broken, 10**12)


@pytest.fixture
def recipe(tmp_path):
    return {
        "output": str(tmp_path / "run"),
        "sources": [{"path": str(write_crossing(tmp_path / "crossing", num_frames=4))}],
        "model": tiny_settings("rt_detr").model_dump(mode="json"),
        "batch_size": "auto",
        "clips": {"canvas": [64, 96]},
        "optimizer": {"steps": 2, "warmup_steps": 1},
        "workers": 0,
    }


def test_a_run_records_what_was_found_and_learns_as_if_it_had_been_given(
    recipe, tmp_path, monkeypatch, capsys
):
    tried = []
    original = module._take_step

    def take_step(run, sources, clips):
        tried.append(clips)
        return out_of_memory(clips) if clips > 2 else original(run, sources, clips)

    monkeypatch.setattr(module, "_take_step", take_step)
    monkeypatch.setattr(module, "_free_bytes", lambda run: 10**12)
    output = train(TrainingSettings.model_validate(recipe))
    record = json.loads((output / "run.json").read_text())
    assert tried == [1, 2, 4]
    assert record["settings"]["batch_size"] == record["found_batch_size"]["clips"] == 2
    assert "batch_size: auto is 2: 4 did not fit into memory\n" in capsys.readouterr().out

    given = train(TrainingSettings.model_validate(recipe | {"output": tmp_path / "given"} | TWO))
    assert same_weights(output, given)
    more = {"optimizer": {"steps": 3, "warmup_steps": 1}}
    train(TrainingSettings.model_validate(recipe | more), resume=True)
    # The resumed run did not try again.
    assert tried == [1, 2, 4]
    assert load_state(output / "last.pt").step == 3


TWO = {"batch_size": 2}


def same_weights(first, second):
    one, other = (
        load_model(folder / "last.safetensors").state_dict() for folder in (first, second)
    )
    return all(torch.equal(one[name], other[name]) for name in one)
