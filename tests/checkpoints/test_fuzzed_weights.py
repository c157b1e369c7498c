"""Files of weights, damaged at random, load or are refused in one line: nothing else happens."""

import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checkpoints.weight_files import write_weights
from fuzzing import is_read_or_refused, mutated
from trackformer import load_model

KINDS = 7


@pytest.fixture(scope="module")
def honest(tmp_path_factory):
    return tmp_path_factory.mktemp("honest")


@pytest.fixture(scope="module")
def files(honest):
    return write_weights(honest)


def test_there_are_files_of_every_kind_and_those_of_models_load(files):
    assert len(files) == KINDS
    loaded = {path.name for path, load in files.items() if is_read_or_refused(load_model, load)}
    assert loaded == {
        "ours.safetensors",
        "config.json",
        "preprocessor_config.json",
        "model.safetensors",
    }


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(kind=st.integers(0, KINDS - 1), seed=st.integers(0, 2**32 - 1))
def test_damaged_files_load_or_are_refused_in_one_line(kind, seed, honest, files, tmp_path):
    damaged, load = list(files.items())[kind]
    folder = tmp_path / "damaged"
    shutil.copytree(honest, folder, dirs_exist_ok=True)
    (folder / damaged.relative_to(honest)).write_bytes(mutated(damaged.read_bytes(), seed))
    is_read_or_refused(load_model, folder / load.relative_to(honest))
