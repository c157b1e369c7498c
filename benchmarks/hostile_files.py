"""Damaged and hostile files of annotations: is each read or refused, and at what cost?

    python -m benchmarks.hostile_files --inputs 20000

Prints what was neither, the slowest input and the most memory; the short form is
`tests/data/formats/test_hostile_annotations.py`.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Final

from tests.data.formats.hostile_annotations import TEXT_FORMATS, damage, survives, write_seed

from trackformer.data.formats.names import FormatName

LIMIT_S: Final = 10
MEMORY_BYTES: Final = 4 * 2**30
"""Of addresses, most of which libraries reserve and never use; what is used is printed."""
EVERY: Final = 500


def main() -> int:
    """Run all inputs; returns how many were neither read nor refused."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=20_000, help="over all formats")
    parser.add_argument("--first", type=int, default=0, help="seed of the first")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    signal.signal(signal.SIGALRM, _too_slow)
    failures: Counter[str] = Counter()
    slowest_s = 0.0
    with tempfile.TemporaryDirectory() as root:
        for name in TEXT_FORMATS:
            write_seed(Path(root, name), name)
        for number in range(options.inputs):
            name = TEXT_FORMATS[number % len(TEXT_FORMATS)]
            start = time.monotonic()
            error = _outcome(Path(root), name, options.first + number)
            slowest_s = max(slowest_s, time.monotonic() - start)
            if error:
                failures[error] += 1
                print(f"{name}, seed {options.first + number}: {error}", flush=True)
            if (number + 1) % EVERY == 0:
                print(f"{number + 1} inputs, {failures.total()} failures", flush=True)
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{options.inputs} inputs of {len(TEXT_FORMATS)} formats: {failures.total()} neither read "
        f"nor refused; slowest {slowest_s:.2f} s, most memory {used:.2f} GB"
    )
    return min(failures.total(), 1)


def _outcome(root: Path, name: FormatName, seed: int) -> str:
    """Empty where a damaged folder is read or refused, else what happened."""
    folder = root / "damaged"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(root / name, folder)
    damage(folder, seed)
    signal.alarm(LIMIT_S)
    try:
        survives(folder, name)
    # Anything at all is a finding, a TimeoutError of the alarm too.
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:200]}"
    finally:
        signal.alarm(0)
    return ""


def _too_slow(_signal: int, _frame: FrameType | None) -> None:
    raise TimeoutError(f"more than {LIMIT_S} s")


if __name__ == "__main__":
    sys.exit(main())
