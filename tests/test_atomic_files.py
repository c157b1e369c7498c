"""Files appear whole; what killed runs left is cleared away; a full disk is noticed beforehand."""

import os
import subprocess
import sys

import pytest

from full_disk import no_file_beyond
from trackformer.atomic_files import atomic_path, partial_path, refuse_unwritable, whole_file
from trackformer.errors import DataError


def names_in(folder):
    return [path.name for path in folder.iterdir()]


def write_half(path):
    with atomic_path(path) as partial:
        partial.write_text("half")
        raise ZeroDivisionError


@pytest.fixture
def dead_process():
    """The number of a process that has ended."""
    return int(
        subprocess.run(
            [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True
        ).stdout
    )


def test_a_file_that_fails_leaves_the_one_before(tmp_path):
    path = tmp_path / "scores.json"
    path.write_text("before")
    with pytest.raises(ZeroDivisionError):
        write_half(path)
    assert names_in(tmp_path) == ["scores.json"]
    assert path.read_text() == "before"


def test_what_killed_runs_left_is_cleared_away(dead_process, tmp_path):
    path = tmp_path / "data"
    left = tmp_path / f".data.{dead_process}.partial"
    (left / "img1").mkdir(parents=True)
    (tmp_path / f".data.{dead_process}.partial.old").mkdir()
    with whole_file(path) as partial:
        partial.write_text("new")
    assert names_in(tmp_path) == ["data"]


def test_what_belongs_to_others_stays(dead_process, tmp_path):
    names = {
        f".other.{dead_process}.partial",
        f".data.{os.getppid()}.partial",
        ".data.partial",
        ".data.x.partial",
        f"data.{dead_process}.partial",
    }
    for name in names:
        (tmp_path / name).touch()
    with whole_file(tmp_path / "data") as partial:
        partial.touch()
    assert set(names_in(tmp_path)) == names | {"data"}


def test_a_full_disk_is_noticed_before_the_work(tmp_path):
    refusal = r"model\.onnx: cannot be written: File too large"
    with no_file_beyond(1024), pytest.raises(DataError, match=refusal):
        refuse_unwritable(tmp_path / "model.onnx")
    assert names_in(tmp_path) == []


def test_a_folder_in_place_of_the_file_is_noticed_before_the_work(tmp_path):
    with pytest.raises(DataError, match="expected a file to write to, got a folder"):
        refuse_unwritable(tmp_path)


def test_nothing_stays_of_the_trial(tmp_path):
    refuse_unwritable(tmp_path / "new" / "scores.json")
    assert names_in(tmp_path / "new") == []
    assert not partial_path(tmp_path / "new" / "scores.json").exists()
