"""How long it takes to begin: help, imports, the bundled model, the first frame.

Run: `python -m benchmarks.start_up [TRACKER.onnx]`; the first frame of a file that `trackformer
export --tracker` wrote is timed, too. Each in new processes: the least of several, by the processor
and by the clock (which counts other work of the machine, too).
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

REPETITIONS = 3
TORCH = "import torch"
"""What the others are compared with."""
FIRST_FRAME = """
from trackformer import Tracker, load_model, optimize_for_inference
from trackformer.demo_clip import clip_file
from trackformer.video.sources import open_source
with clip_file() as path, open_source(path) as source:
    Tracker(optimize_for_inference(load_model("nano"))).update(next(iter(source)).pixels)
"""
"""What `trackformer track` does until the first frame is tracked."""
FIRST_FRAME_OF_FILE = """
import sys
from pathlib import Path
from trackformer.demo_clip import clip_file
from trackformer.tracking.tracker_file import TrackerFile
from trackformer.video.sources import open_source
with clip_file() as path, open_source(path) as source:
    TrackerFile(Path(sys.argv[1])).update(next(iter(source)).pixels)
"""
"""The same for a tracker that is one file."""
STARTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("python alone", ("-c", "pass")),
    ("trackformer --help", ("-m", "trackformer", "--help")),
    ("trackformer track --help", ("-m", "trackformer", "track", "--help")),
    ("import trackformer", ("-c", "import trackformer")),
    (TORCH, ("-c", "import torch")),
    (
        "load_model('nano')",
        ("-c", "from trackformer import load_model; load_model('nano')"),
    ),
    ("first frame, nano", ("-c", FIRST_FRAME)),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One way to begin."""

    what: str
    cpu_seconds: float
    seconds: float
    imports_torch: bool
    times_torch: float
    """Processor time by that of `import torch` alone."""


def measure(starts: Sequence[tuple[str, tuple[str, ...]]] = STARTS) -> list[Row]:
    """One row each, in turns."""
    best: dict[str, tuple[float, float]] = {}
    for turn in range(REPETITIONS + 1):
        for what, arguments in starts:
            cpu, clock = _run(arguments)
            if turn > 0:  # the first one fills the disk cache
                before = best.get(what, (cpu, clock))
                best[what] = (min(cpu, before[0]), min(clock, before[1]))
    torch_alone = best.get(TORCH, (float("nan"), 0.0))[0]
    return [
        Row(what, *best[what], _imports_torch(arguments), best[what][0] / torch_alone)
        for what, arguments in starts
    ]


def _run(arguments: Sequence[str]) -> tuple[float, float]:
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *arguments], stdout=subprocess.DEVNULL, env=_ENVIRONMENT
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(arguments)}: exit code {process.returncode}")
    return used.ru_utime + used.ru_stime, time.perf_counter() - start


def _imports_torch(arguments: Sequence[str]) -> bool:
    command = [sys.executable, "-X", "importtime", *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=_ENVIRONMENT)
    return any(line.split("|")[-1].strip() == "torch" for line in done.stderr.splitlines())


_ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1"}


def starts_with(tracker: str) -> Sequence[tuple[str, tuple[str, ...]]]:
    """All of `STARTS`, and the first frame of a tracker's file."""
    return (*STARTS, ("first frame, tracker file", ("-c", FIRST_FRAME_OF_FILE, tracker)))


if __name__ == "__main__":
    for row in measure(starts_with(sys.argv[1]) if sys.argv[1:] else STARTS):
        print(
            f"{row.what:26} {row.cpu_seconds:6.3f} s of the processor {row.seconds:6.3f} s "
            f"{row.times_torch:5.2f} times {TORCH}{', with torch' if row.imports_torch else ''}"
        )
