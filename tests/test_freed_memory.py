"""Programs keep freed memory, where nobody chose otherwise; libraries leave it alone."""

from __future__ import annotations

import argparse
import ctypes
import os
import platform
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from trackformer import freed_memory
from trackformer.cli import run
from trackformer.errors import TrackFormerError
from trackformer.freed_memory import why_freed_memory_is_returned
from trackformer.verbs.flags.model import load

on_glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")

PAGES_FAULTED = """
import resource, sys
from trackformer.freed_memory import keep_freed_memory

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

is_kept = keep_freed_memory() if sys.argv[1] == "keep" else False
bytearray(b"1") * 2**26
before = faults()
for _ in range(3):
    bytearray(b"1") * 2**26
print(is_kept, faults() - before)
"""
"""64 MiB, 16384 pages, are taken and freed three times after a first time."""


def pages_faulted(what: str, **environment: str) -> tuple[bool, int]:
    command = [sys.executable, "-c", PAGES_FAULTED, what]
    # Without variables that somebody running the tests has chosen.
    own = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    answer = subprocess.run(
        command, env=own | environment, capture_output=True, text=True, check=True
    )
    is_kept, faults = answer.stdout.split()
    return is_kept == "True", int(faults)


@on_glibc
def test_large_blocks_come_again_without_new_pages():
    is_kept, faults = pages_faulted("keep")
    assert is_kept
    assert faults < 100


@on_glibc
def test_a_process_that_did_not_ask_gets_new_pages():
    assert pages_faulted("leave")[1] > 3 * 16000


@on_glibc
@pytest.mark.parametrize(
    "chosen", [{"MALLOC_TOP_PAD_": "131072"}, {"GLIBC_TUNABLES": "glibc.malloc.arena_max=2"}]
)
def test_who_chose_settings_of_the_allocator_keeps_them(chosen: dict[str, str]):
    is_kept, faults = pages_faulted("keep", **chosen)
    assert not is_kept
    assert faults > 3 * 16000
    assert why_freed_memory_is_returned(chosen) == f"{next(iter(chosen))} is set"


@on_glibc
def test_other_tunables_do_not_matter():
    assert why_freed_memory_is_returned({"GLIBC_TUNABLES": "glibc.cpu.x86_shstk=off"}) is None


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(freed_memory, "_glibc", lambda: None)
    monkeypatch.setattr(os, "environ", {})
    assert why_freed_memory_is_returned({}) == "the C library is not glibc"
    assert not freed_memory.keep_freed_memory()


@on_glibc
def test_an_allocator_loaded_before_glibcs_is_left_alone(monkeypatch: pytest.MonkeyPatch):
    elsewhere = SimpleNamespace(malloc=ctypes.CDLL(None).calloc)
    monkeypatch.setattr(freed_memory, "_glibc", lambda: elsewhere)
    assert why_freed_memory_is_returned({}) == "another allocator is loaded"


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    made: list[str] = []
    monkeypatch.setattr(freed_memory, "keep_freed_memory", lambda: made.append("kept"))
    return made


def test_a_verb_that_loads_a_model_keeps_freed_memory(calls: list[str]):
    with pytest.raises(TrackFormerError):
        load(argparse.Namespace(model="no such model", device="cpu", dtype="float32"))
    assert calls == ["kept"]


def test_training_keeps_freed_memory(calls: list[str], tmp_path: Path):
    config = tmp_path / "neither_model_nor_initial.yaml"
    config.write_text(
        f"output: {tmp_path}\nclass_names: [person]\nsources: [{{path: absent.json}}]\n"
    )
    assert run(["train", str(config)]) != 0
    assert calls == ["kept"]
