"""Damage small files of every kind at random, thousands of times, and read them.

    python scripts/fuzz.py --inputs 20000

Each input has limits of its own: 1 GB more than the imports take, and 10 seconds of the processor
(on a busy machine the clock says nothing), or two minutes of waiting. Anything but success or a
refusal in one line is printed with its kind and seed, which make the same input again
(`--kind KIND --first SEED --inputs 1`), and ends with exit code 1.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import shutil
import signal
import sys
import tempfile
import traceback
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from fuzzed_files import Sample, all_samples
from fuzzing import is_read_or_refused, mutated

MOST_SECONDS = 10
MOST_WAITING_S = 120
MOST_BYTES = 2**30
CHUNK = 50
"""Inputs of one process: a crash ends no more than these."""
REPORTED = 1000
"""Inputs between two lines of progress."""


def main() -> int:
    """Damage, read, count; 1 if anything but success or a refusal happened."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=20_000)
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--kind", help="only samples whose kind contains this")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        samples = all_samples(Path(folder))
        samples = [each for each in samples if options.kind is None or options.kind in each.kind]
        counts: Counter[str] = Counter()
        for start in range(0, options.inputs, CHUNK):
            seeds = range(options.first + start, options.first + min(start + CHUNK, options.inputs))
            counts += _in_own_process(samples, seeds)
            if counts.total() % REPORTED == 0:
                print(f"{counts.total()} inputs: {dict(counts)}", flush=True)
    print(*(f"{outcome}: {count}" for outcome, count in sorted(counts.items())), sep="\n")
    return int(counts.keys() - {"read", "refused"} != set())


def _in_own_process(samples: list[Sample], seeds: range) -> Counter[str]:
    queue: multiprocessing.SimpleQueue[tuple[int, str]] = multiprocessing.SimpleQueue()
    worker = multiprocessing.Process(target=_read_all, args=(samples, seeds, queue))
    worker.start()
    worker.join()
    outcomes: dict[int, str] = {}
    while not queue.empty():
        seed, outcome = queue.get()
        outcomes[seed] = outcome
    if worker.exitcode != 0:
        lost = next(seed for seed in seeds if seed not in outcomes)
        print(f"{_of(samples, lost).kind}, seed {lost}: ended by {worker.exitcode}", flush=True)
        rest = range(lost + 1, seeds.stop)
        return Counter(outcomes.values()) + Counter(["crashed"]) + _in_own_process(samples, rest)
    return Counter(outcomes.values())


def _read_all(
    samples: list[Sample], seeds: range, queue: multiprocessing.SimpleQueue[tuple[int, str]]
) -> None:
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + MOST_BYTES, taken + MOST_BYTES))
    for number in (signal.SIGALRM, signal.SIGPROF):
        signal.signal(number, _too_slow)
    for seed in seeds:
        queue.put((seed, _outcome(_of(samples, seed), seed)))


def _outcome(sample: Sample, seed: int) -> str:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "damaged"
        shutil.copytree(sample.folder, folder)
        content = mutated(sample.damaged.read_bytes(), seed)
        (folder / sample.damaged.relative_to(sample.folder)).write_bytes(content)
        signal.setitimer(signal.ITIMER_PROF, MOST_SECONDS)
        signal.alarm(MOST_WAITING_S)
        try:
            was_read = is_read_or_refused(
                sample.read, folder / sample.read_from.relative_to(sample.folder)
            )
        except BaseException:
            reason = traceback.format_exc().strip()
            print(f"{sample.kind}, seed {seed}: {reason}\n", flush=True)
            return "failed"
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.alarm(0)
    return "read" if was_read else "refused"


def _too_slow(number: int, _frame: object) -> None:
    limit = MOST_SECONDS if number == signal.SIGPROF else MOST_WAITING_S
    raise TimeoutError(f"more than {limit} seconds")


def _of(samples: list[Sample], seed: int) -> Sample:
    return samples[seed % len(samples)]


if __name__ == "__main__":
    sys.exit(main())
