import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
import torch

from models.ms_deform_attn.attention_inputs import random_inputs
from trackformer.cli import run
from trackformer.errors import ConfigError
from trackformer.models.ms_deform_attn import choice, compiled, triton_kernels
from trackformer.models.ms_deform_attn.attention import ms_deform_attn
from trackformer.models.ms_deform_attn.choice import (
    COMPILED,
    PORTABLE,
    REFERENCE,
    TRITON,
    choose_implementation,
    forced_implementation,
)

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
REPOSITORY = Path(__file__).parents[3]


@pytest.fixture
def no_kernel(monkeypatch):
    compiled.why_unavailable.cache_clear()
    monkeypatch.setattr(compiled, "NAME", "missing")
    yield
    compiled.why_unavailable.cache_clear()


def chosen(device=CPU, dtype=torch.float32, *, needs_gradient=False):
    return choose_implementation(device, dtype, needs_gradient=needs_gradient)


def test_without_the_kernel_a_processor_runs_the_portable_way_and_says_why(no_kernel):
    assert chosen().implementation == PORTABLE
    assert "no C++ compiler" in chosen().reason
    inputs = random_inputs(((2, 3),))
    torch.testing.assert_close(
        ms_deform_attn(inputs.value, ((2, 3),), inputs.locations, inputs.weights),
        ms_deform_attn(inputs.value, ((2, 3),), inputs.locations, inputs.weights, REFERENCE),
    )


def test_with_the_kernel_a_processor_runs_it():
    if compiled.why_unavailable():
        pytest.skip(str(compiled.why_unavailable()))
    assert chosen().implementation == COMPILED
    assert compiled.instruction_set() in chosen().reason


@pytest.mark.parametrize(
    ("dtype", "needs_gradient", "expected"),
    [
        (torch.bfloat16, True, TRITON),
        (torch.float64, True, REFERENCE),
        (torch.float64, False, PORTABLE),
    ],
)
def test_cuda_runs_triton_where_it_can(dtype, needs_gradient, expected):
    pytest.importorskip("triton")
    assert chosen(CUDA, dtype, needs_gradient=needs_gradient).implementation == expected


def test_without_a_compiler_for_tritons_launcher_cuda_runs_another_way_and_says_why(monkeypatch):
    pytest.importorskip("triton")
    if torch.cuda.is_available():
        pytest.skip("a GPU is at hand")
    monkeypatch.delenv("TRITON_INTERPRET")
    triton_kernels._why_not_launched.cache_clear()
    choices = [chosen(CUDA, needs_gradient=trained) for trained in (False, True)]
    triton_kernels._why_not_launched.cache_clear()
    assert [each.implementation for each in choices] == [PORTABLE, REFERENCE]
    # As in a container without a C compiler: there is no driver here.
    assert all("Triton cannot launch kernels here" in each.reason for each in choices)


def test_deterministic_algorithms_are_deterministic():
    torch.use_deterministic_algorithms(True)
    try:
        assert chosen(CUDA, needs_gradient=True).implementation == PORTABLE
    finally:
        torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize("needs_gradient", [False, True])
def test_other_devices_run_well_known_operators(monkeypatch, needs_gradient):
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    mps = torch.device("mps")
    assert chosen(mps, needs_gradient=needs_gradient).implementation == REFERENCE


def test_a_kernel_built_from_other_sources_is_not_run(monkeypatch):
    if compiled.why_unavailable():
        pytest.skip(str(compiled.why_unavailable()))
    compiled.why_unavailable.cache_clear()
    monkeypatch.setattr(compiled, "_Call", type("_Call", (compiled._Call,), {"_fields_": []}))
    monkeypatch.setattr(compiled.ctypes, "sizeof", lambda _: 8)
    assert "older sources" in compiled.why_unavailable()
    compiled.why_unavailable.cache_clear()


def test_one_can_be_forced_for_a_block():
    with forced_implementation(REFERENCE):
        assert chosen() == choice.Choice(REFERENCE, "forced")
    assert chosen().implementation != REFERENCE


def test_one_can_be_forced_for_a_process(capsys):
    environment = os.environ | {choice.VARIABLE: REFERENCE}
    command = [sys.executable, "-m", "trackformer", "info"]
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "on cpu        reference: forced" in answer.stdout


def test_info_says_what_runs_and_what_keeps_others_from_it(capsys, no_kernel):
    assert run(["info"]) == 0
    printed = capsys.readouterr().out
    assert "on cpu        portable: no compiled kernel: not built" in printed
    assert "compiled      not built" in printed


def test_forcing_what_does_not_exist_or_cannot_run_is_refused(no_kernel):
    with pytest.raises(ConfigError, match="got 'fast'"), forced_implementation("fast"):
        pass
    with forced_implementation(COMPILED), pytest.raises(ConfigError, match="compiled is forced"):
        chosen()


def test_the_package_builds_without_a_compiler(tmp_path):
    pytest.importorskip("setuptools", minversion="77")
    command = [sys.executable, "setup.py", "build_ext"]
    command += ["--build-lib", str(tmp_path / "lib"), "--build-temp", str(tmp_path / "temp")]
    missing = {"CC": "no-such-compiler", "CXX": "no-such-compiler"}
    environment = os.environ | missing
    built = subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr
    assert not list(tmp_path.rglob(f"*{sysconfig.get_config_var('EXT_SUFFIX')}"))
