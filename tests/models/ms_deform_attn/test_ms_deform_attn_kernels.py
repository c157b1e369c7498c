"""The CUDA kernels as a GPU would run them, compiled ahead of time where there is none."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from models.ms_deform_attn.attention_inputs import gradients, random_inputs
from models.ms_deform_attn.test_ms_deform_attn import imitate_gpu
from trackformer.models.ms_deform_attn import triton_kernels
from trackformer.models.ms_deform_attn.choice import REFERENCE, TRITON

TESTS = Path(__file__).parents[2]
pytestmark = pytest.mark.slow  # Triton compiles eight kernels


CASES = ("90,float32,32", "90,bfloat16,32", "90,bfloat16,36", "80,bfloat16,36")
"""Compute capability (9.0: Hopper, 8.0: Ampere), dtype, channels of a head."""


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, object]]:
    """In another process: in this one Triton imitates a GPU."""
    triton = pytest.importorskip("triton")
    if not (Path(triton.__file__).parent / "backends/nvidia/bin/cuobjdump").exists():
        pytest.skip("this Triton has no tools for CUDA")
    environment = {key: value for key, value in os.environ.items() if key != "TRITON_INTERPRET"}
    environment |= {
        "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path]),
        "TRITON_CACHE_DIR": str(tmp_path_factory.mktemp("triton")),
    }
    program = ["-W", "error", "-m", "models.ms_deform_attn.kernels_ahead_of_time"]
    answer = subprocess.run(
        [sys.executable, *program, *CASES],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr[-2000:]
    return json.loads(answer.stdout)


def test_kernels_fit_registers_without_fences(compiled):
    assert [record["stack"] for record in compiled] == [0] * 2 * len(CASES)
    assert [record["fences"] for record in compiled] == [0] * 2 * len(CASES)


def test_kernels_for_hopper_read_and_add_sixteen_bytes_at_once(compiled):
    for record in (each for each in compiled if each["capability"] == "90"):
        is_backward = record["kernel"] == "backward_kernel"
        assert record["widest_sum"] == (4 if is_backward else 1)
        # Backward, 16 bits are read as wide as float32 is added: 4 channels. A row of 36 channels
        # of 16 bits begins at a multiple of 8 bytes.
        is_halved = record["dtype"] == "bfloat16" and (is_backward or record["channels"] == "36")
        assert record["widest_read"] == (2 if is_halved else 4)


@pytest.mark.parametrize("num_channels", [4, 36])
def test_images_too_large_for_small_offsets_give_the_oracles_numbers(monkeypatch, num_channels):
    imitate_gpu()
    monkeypatch.setattr(triton_kernels, "FITS_INT32", 1)
    inputs = random_inputs(((5, 7), (3, 1)), num_queries=3, num_channels=num_channels)
    inputs = inputs.to(torch.float32)
    attended, grads = gradients(inputs, TRITON)
    expected, expected_grads = gradients(inputs, REFERENCE)
    for ours, theirs in zip((attended, *grads), (expected, *expected_grads), strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ("num_channels", "together", "width", "parts"),
    [(32, 8, 32, 1), (32, 4, 16, 2), (36, 4, 16, 3), (3, 1, 4, 1), (128, 8, 64, 2), (7, 1, 4, 2)],
)
def test_rows_are_cut_into_three_parts_at_most(num_channels, together, width, parts):
    block = triton_kernels.block_shape(num_channels, num_points=4, together=together)
    assert (block["WIDTH"], block["PARTS"]) == (width, parts)
    # Every one of 128 threads has its channels of one point of one query.
    assert block["QUERIES"] * block["PLACES"] * width == 128 * together
