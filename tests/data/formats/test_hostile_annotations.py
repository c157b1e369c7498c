"""Whatever is in a file of annotations or results, the answer is data or one clear error."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzzed_files import FORMATS, MOTS, Sample, annotation_samples, result_samples
from fuzzing import is_read_or_refused, mutated

RESULTS = "results"


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> list[Sample]:
    folder = tmp_path_factory.mktemp("samples")
    return [*annotation_samples(folder / "annotations"), *result_samples(folder / "results")]


def test_honest_files_of_every_kind_are_read(samples: list[Sample]):
    assert all(is_read_or_refused(sample.read, sample.read_from) for sample in samples)


@pytest.mark.parametrize("name", [*FORMATS, MOTS, RESULTS])
@settings(max_examples=6, deadline=None, derandomize=True, database=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(which=st.integers(0, 9), seed=st.integers(0, 2**32))
def test_damaged_files_are_read_or_refused(name: str, samples: list[Sample], which: int, seed: int):
    of_kind = [sample for sample in samples if sample.kind.startswith(f"{name} ")]
    sample = of_kind[which % len(of_kind)]
    place = Path(tempfile.mkdtemp())
    try:
        folder = place / "data"
        shutil.copytree(sample.folder, folder)
        damaged = folder / sample.damaged.relative_to(sample.folder)
        damaged.write_bytes(mutated(damaged.read_bytes(), seed))
        with warnings.catch_warnings():
            # Sums over boxes as large as numbers go.
            warnings.simplefilter("ignore", RuntimeWarning)
            is_read_or_refused(sample.read, folder / sample.read_from.relative_to(sample.folder))
    finally:
        shutil.rmtree(place)
