"""Of two runs into one folder the second is refused, and nothing of a lock stays behind."""

import os
import re

import pytest

from trackformer.errors import DataError
from trackformer.folder_lock import only_writer


def test_a_second_run_into_the_same_folder_is_refused(tmp_path):
    refusal = f"{tmp_path / 'out'}: another run is writing into this folder"
    with (
        only_writer(tmp_path / "out"),
        pytest.raises(DataError, match=re.escape(refusal)),
        only_writer(tmp_path / "out"),
    ):
        pass


def test_two_folders_are_two_runs(tmp_path):
    with only_writer(tmp_path / "a"), only_writer(tmp_path / "b"):
        assert not any((tmp_path / "a").iterdir())


def test_a_run_that_ended_holds_nothing(tmp_path):
    for _ in range(2):
        with only_writer(tmp_path):
            pass


def test_a_forked_child_holds_nothing_after_its_parent(tmp_path):
    read, write = os.pipe()
    with only_writer(tmp_path):
        child = os.fork()
        if child == 0:
            os.read(read, 1)
            os._exit(0)
    with only_writer(tmp_path):
        os.write(write, b"!")
    os.waitpid(child, 0)


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(DataError, match="file/out: cannot be written to"),
        only_writer(tmp_path / "file" / "out"),
    ):
        pass
