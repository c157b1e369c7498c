"""Our own weight files: what is written comes back bit for bit, or one line says why not."""

import json
import os
import pickle

import pytest
import safetensors.torch
import torch

from tiny_models import tiny_model, tiny_settings
from trackformer.checkpoints.load import load_model
from trackformer.checkpoints.model_files import (
    FORMAT,
    atomic_path,
    load_file,
    save_model,
    unique_tensors,
)
from trackformer.errors import CheckpointError
from trackformer.training.run_state import RunState, load_state, save_state
from trackformer.types import Images


@pytest.fixture(scope="module")
def model():
    return tiny_model("deimv2")


@pytest.fixture
def saved(model, tmp_path):
    save_model(model, tmp_path / "model.safetensors", {"recipe": "by hand"})
    return tmp_path / "model.safetensors"


def rewritten(path, change):
    """The file with `change` applied to its tensors; the settings stay."""
    with safetensors.safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    tensors = safetensors.torch.load_file(path)
    change(tensors)
    safetensors.torch.save_file(tensors, path, metadata=metadata)
    return path


def test_weights_and_settings_come_back_bit_for_bit(model, saved):
    loaded, notes = load_file(saved)
    assert loaded.settings == model.settings
    assert notes["recipe"] == "by hand"
    assert not loaded.training
    for (name, old), new in zip(
        model.state_dict().items(), loaded.state_dict().values(), strict=True
    ):
        assert torch.equal(old, new), name


@torch.no_grad()
def test_a_loaded_model_answers_as_the_saved_one(model, saved):
    images = Images.from_list([torch.rand(3, 64, 64)])
    assert torch.equal(load_model(saved)(images).boxes, model(images).boxes)


def test_shared_tensors_are_stored_once():
    head = torch.nn.Linear(2, 2)
    shared = torch.nn.ModuleList([head, head, torch.nn.Linear(2, 2)])
    assert sorted(unique_tensors(shared)) == ["0.bias", "0.weight", "2.bias", "2.weight"]


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(CheckpointError, match=r"none.safetensors: no such file of weights"):
        load_model(tmp_path / "none.safetensors")


def test_an_unknown_name_lists_what_there_is():
    with pytest.raises(CheckpointError, match=r"giant: expected .* bundled models \("):
        load_model("giant")


@pytest.mark.parametrize("content", [b"", b"not a safetensors file at all", b"\xff" * 100])
def test_a_damaged_file_is_refused(tmp_path, content):
    path = tmp_path / "damaged.safetensors"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"damaged.safetensors: expected a safetensors file"):
        load_model(path)


def test_a_truncated_file_is_refused(saved):
    saved.write_bytes(saved.read_bytes()[:-1000])
    with pytest.raises(CheckpointError, match="expected a safetensors file"):
        load_model(saved)


def test_weights_of_another_program_are_refused(tmp_path):
    path = tmp_path / "other.safetensors"
    safetensors.torch.save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(CheckpointError, match=r"expected weights saved by trackformer.*'unknown'"):
        load_model(path)


@pytest.mark.parametrize(
    "settings", ["{", json.dumps({"detector": {"kind": "detr", "num_querys": 3}})]
)
def test_stored_settings_that_cannot_be_used_are_refused(tmp_path, settings):
    path = tmp_path / "model.safetensors"
    metadata = {"format": FORMAT, "settings": settings}
    safetensors.torch.save_file({"a": torch.zeros(1)}, path, metadata=metadata)
    with pytest.raises(CheckpointError, match="the stored settings cannot be used"):
        load_model(path)


def test_missing_unexpected_and_misshaped_tensors_are_named(saved):
    def change(tensors):
        del tensors["carry.projection.bias"]
        tensors["surplus"] = torch.zeros(1)
        tensors["carry.type_embedding"] = torch.zeros(7)

    with pytest.raises(CheckpointError) as caught:
        load_model(rewritten(saved, change))
    message = str(caught.value)
    assert "1 missing (carry.projection.bias)" in message
    assert "1 unexpected (surplus)" in message
    assert "1 mis-shaped (carry.type_embedding (7,) instead of (32,))" in message


def test_long_lists_of_names_are_cut(saved):
    def change(tensors):
        for name in list(tensors)[:5]:
            del tensors[name]

    with pytest.raises(CheckpointError, match=r"5 missing \([^,]+, [^,]+, [^,]+, \.\.\.\)"):
        load_model(rewritten(saved, change))


def test_a_failure_while_saving_leaves_the_old_file(saved):
    before = saved.read_bytes()

    def fail_half_way():
        with atomic_path(saved) as partial:
            partial.write_bytes(b"half of it")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert saved.read_bytes() == before
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


def test_the_tracker_thresholds_travel_with_the_weights(tmp_path):
    model = tiny_model("deimv2")
    model.settings = model.settings.model_copy(update={"tracker": {"patience": 12}})
    save_model(model, tmp_path / "model.safetensors")
    assert load_model(tmp_path / "model.safetensors").settings.tracker == {"patience": 12}


def test_settings_survive_json():
    settings = tiny_settings("d_fine")
    assert type(settings).model_validate_json(settings.model_dump_json()) == settings


class Evil:
    """Runs code when it is unpickled without care."""

    def __reduce__(self):
        return os.mkdir, ("evil_was_here",)


def test_a_pickle_with_code_is_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"step": Evil()}, "last.pt")
    (tmp_path / "plain.pt").write_bytes(pickle.dumps(Evil(), protocol=2))
    for name in ("last.pt", "plain.pt"):
        with pytest.raises(CheckpointError, match="expected a checkpoint of a training run"):
            load_state(tmp_path / name)
    assert not (tmp_path / "evil_was_here").exists()


def test_a_run_state_comes_back(tmp_path):
    state = RunState(3, {"a": torch.ones(2)}, None, {"lr": 1.0}, {"last": 2}, 0.5)
    save_state(state, tmp_path / "last.pt")
    loaded = load_state(tmp_path / "last.pt")
    assert (loaded.step, loaded.best_score, loaded.averaged) == (3, 0.5, None)
    assert torch.equal(loaded.model["a"], torch.ones(2))


@pytest.mark.parametrize("content", [[1, 2], {"stop": 3}, torch.zeros(2)])
def test_another_file_is_no_run_state(tmp_path, content):
    torch.save(content, tmp_path / "last.pt")
    with pytest.raises(CheckpointError, match="expected a checkpoint of a training run"):
        load_state(tmp_path / "last.pt")


def test_a_missing_run_state_is_named(tmp_path):
    with pytest.raises(CheckpointError, match=r"last.pt: no such checkpoint to resume from"):
        load_state(tmp_path / "last.pt")


def test_others_may_read_the_file_as_usual(tmp_path):
    before = os.umask(0o022)
    try:
        save_model(tiny_model("deimv2"), tmp_path / "tiny.safetensors")
    finally:
        os.umask(before)
    assert (tmp_path / "tiny.safetensors").stat().st_mode & 0o777 == 0o644
