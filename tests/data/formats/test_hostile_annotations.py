"""Whatever is in a file of annotations, the answer is data or one clear error."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.data.formats.hostile_annotations import TEXT_FORMATS, damage, survives, write_seed

from trackformer.data.formats.names import FormatName


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("seeds")
    for name in TEXT_FORMATS:
        write_seed(folder / name, name)
    return folder


@pytest.mark.parametrize("name", TEXT_FORMATS)
@settings(max_examples=20, deadline=None, derandomize=True, database=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(seed=st.integers(0, 2**32))
def test_damaged_files_are_read_or_refused(name: FormatName, seeds: Path, seed: int):
    folder = Path(tempfile.mkdtemp())
    try:
        shutil.copytree(seeds / name, folder / "data")
        damage(folder / "data", seed)
        with warnings.catch_warnings():
            # Sums over boxes as large as numbers go.
            warnings.simplefilter("ignore", RuntimeWarning)
            survives(folder / "data", name)
    finally:
        shutil.rmtree(folder)
