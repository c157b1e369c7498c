"""A full disk, too little memory, a reader who has gone: one line, no traceback."""

import argparse
import errno
import os
import signal
import subprocess
import sys

import pytest

from trackformer import cli
from trackformer.last_resort import LONGEST, in_one_line, shown_in_one_line, stop_signals
from trackformer.verbs import info


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "run/last.pt"), "run/last.pt: No space"),
        (PermissionError(errno.EACCES, "Permission denied", "x"), "x: Permission denied"),
        (MemoryError("Unable to allocate 7 TiB"), "not enough memory: Unable to allocate 7 TiB"),
        (MemoryError(), "not enough memory"),
        (RecursionError("maximum depth"), "a file nests too deeply: maximum depth"),
        (RuntimeError("CUDA out of memory. Tried"), "not enough memory: CUDA out of memory. Tried"),
    ],
)
def test_what_is_nobodys_fault_is_said_in_one_line(error, line, monkeypatch, run):
    def fail(_options: argparse.Namespace) -> int:
        raise error

    monkeypatch.setattr(info, "run", fail)
    code, _, said = run("info")
    assert code == 2
    assert said.startswith(f"error: {line}")
    assert said.count("\n") == 1


def test_a_fault_of_the_program_keeps_its_traceback(monkeypatch):
    def fail(_options: argparse.Namespace) -> int:
        raise RuntimeError("expected 3 rows")

    monkeypatch.setattr(info, "run", fail)
    with pytest.raises(RuntimeError, match="expected 3 rows"):
        cli.run(["info"])
    assert in_one_line(ValueError("no")) is None


def test_a_reader_who_has_gone_is_no_fault():
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "trackformer", "--version"]
    ended = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    assert ended.stderr == "stopped: whoever read the output has closed it\n"
    assert ended.returncode == cli.READER_GONE == 128 + signal.SIGPIPE


def test_a_closed_terminal_stops_as_a_service_manager_does():
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        assert stop_signals() == (signal.SIGTERM, signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_nohup_keeps_its_meaning():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert stop_signals() == (signal.SIGTERM,)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_what_a_terminal_obeys_is_made_visible_and_a_long_quotation_cut():
    assert shown_in_one_line("a.txt: got\n'\x1b[2J'") == "a.txt: got '\\x1b[2J'"
    long = shown_in_one_line("a.txt:1: got " + 5000 * "9" + "; see --help")
    assert len(long) <= LONGEST
    assert (long[:13], long[-12:]) == ("a.txt:1: got ", "; see --help")
