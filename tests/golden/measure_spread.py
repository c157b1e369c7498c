"""Measure how far float32 takes our numbers on various kernels, and write `spread.json`.

Run: `python tests/golden/measure_spread.py`; five minutes of one core. One process for each
instruction set that torch can be held to (`ATEN_CPU_CAPABILITY`), in each with and without oneDNN,
in the first also on two threads instead of one; float64 once.
"""

import io
import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch

from golden.answers import DETECTORS, RUNS, TRACKFORMERS, answer
from golden.given_tracks import STEPS, given_tracks_step
from golden.published_models import in_precision
from golden.spread import FILE, Numbers, distances
from golden.steps import WHOLE_STEPS, frame_step, whole_step

CAPABILITIES = ("default", "avx2", "avx512")
KERNELS = [(True, 1), (False, 1)]
"""With oneDNN or without; on how many threads."""
MORE_KERNELS = [*KERNELS, (True, 2)]
"""Of the first process."""


def main() -> None:
    exact, largest = {}, {}
    for name in capabilities():
        measured = torch.load(measured_file(name, is_exact=not exact), weights_only=False)
        exact = exact or measured["float64"]
        for kernel, single in measured["float32"].items():
            for recording, numbers in single.items():
                found = distances(numbers, exact[recording])
                print(name, kernel, recording, found, flush=True)  # noqa: T201 - a program
                before = largest.setdefault(recording, found)
                largest[recording] = {what: max(found[what], before[what]) for what in found}
    content = {
        recording: {what: rounded_up(value) for what, value in found.items()}
        for recording, found in largest.items()
    }
    FILE.write_text(json.dumps(content, indent=1) + "\n")


def capabilities() -> list[str]:
    """The instruction sets that this processor has."""
    has = torch.backends.cpu.get_cpu_capability()
    return [each for each in CAPABILITIES if each != "avx512" or has == "AVX512"]


def measured_file(capability: str, *, is_exact: bool) -> io.BytesIO:
    """What a process on one instruction set found."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "measured.pt"
        environment = {"ATEN_CPU_CAPABILITY": capability, "OMP_WAIT_POLICY": "passive"}
        command = [sys.executable, __file__, str(path), *(["float64"] if is_exact else [])]
        subprocess.run(command, env=os.environ | environment, check=True)
        return io.BytesIO(path.read_bytes())


def measure_here(path: Path, *, is_exact: bool) -> None:
    """Everything in float32 on all kernels of this process, and in float64 if asked."""
    single = {}
    for is_onednn, threads in MORE_KERNELS if is_exact else KERNELS:
        torch.set_num_threads(threads)
        with torch.backends.mkldnn.flags(enabled=is_onednn):
            single[is_onednn, threads] = dict(everything(torch.float32))
    torch.set_num_threads(1)
    double = dict(everything(torch.float64)) if is_exact else {}
    torch.save({"float32": single, "float64": double}, path)


def everything(dtype: torch.dtype) -> Iterator[tuple[str, Numbers]]:
    for name, run in RUNS:
        yield f"{name}, {run}", answer(in_precision(name, dtype), name, run)
    for name in DETECTORS + TRACKFORMERS:
        if "segm" not in name:
            yield f"{name}, frame", frame_step(name, dtype)
    for name, step in STEPS:
        yield f"{name}, given tracks, {step}", given_tracks_step(name, step, dtype)[0]
    for name, step in WHOLE_STEPS:
        yield f"{name}, {step}", whole_step(name, step, dtype)


def rounded_up(value: float) -> float:
    """To two digits."""
    if value == 0:
        return 0.0
    unit = 10.0 ** (math.floor(math.log10(value)) - 1)
    return float(f"{math.ceil(value / unit) * unit:.1e}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure_here(Path(sys.argv[1]), is_exact="float64" in sys.argv)
    else:
        main()
