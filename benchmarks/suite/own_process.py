"""A measurement in a process of its own, and the most memory that a process needed (Linux)."""

from __future__ import annotations

import ctypes
import json
import subprocess
import sys
from pathlib import Path
from typing import Any


def in_own_process(module: str, *arguments: str) -> Any:
    """What `python -m MODULE ARGUMENTS` prints last: one line of JSON.

    Raises:
        subprocess.CalledProcessError: It failed; what it said went to standard error.
    """
    command = [sys.executable, "-m", module, *arguments]
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(answer.stdout.strip().splitlines()[-1])


def start_of_peak() -> float:
    """Megabytes in use now; `peak_megabytes` counts from here on (glibc)."""
    ctypes.CDLL(None).malloc_trim(0)  # what loading left behind would hide what a pass takes
    Path("/proc/self/clear_refs").write_text("5")
    return resident_megabytes()


def resident_megabytes() -> float:
    """What the process holds now."""
    return _status_megabytes("VmRSS")


def peak_megabytes() -> float:
    """The most in use since `start_of_peak`.

    Not the kernel's ru_maxrss: a process inherits that from the one that started it.
    """
    return _status_megabytes("VmHWM")


def _status_megabytes(name: str) -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) / 1024
    raise AssertionError(name)
