"""Damage small files of every kind at random, thousands of times, and read them.

    python scripts/fuzz.py --inputs 20000

Each input is read by a process of its own group of limits: 1 GB more than the imports take, 10
seconds. Anything but success or a refusal in one line is printed with its kind and seed, which
make the same input again (`--kind KIND --first SEED --inputs 1`), and ends with exit code 1.
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
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from checkpoints.weight_files import write_weights
from fuzzing import is_read_or_refused, mutated
from trackformer import load_model
from trackformer.data.convert import convert_annotations
from trackformer.data.formats.known import FORMATS
from trackformer.data.read import read_annotations
from trackformer.data.synthetic.dataset import synthetic_data
from trackformer.data.synthetic.settings import SyntheticSettings
from trackformer.data.synthetic.write import write_sequences
from trackformer.errors import TrackFormerError

MOST_SECONDS = 10
MOST_BYTES = 2**30
TEXT = (".txt", ".json", ".jsonl", ".xml", ".yaml", ".ini", ".csv", ".odgt", ".names", ".data")
CHUNK = 50
"""Inputs of one process: a crash ends no more than these."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A folder of honest files, of which one is damaged, and what is read then."""

    kind: str
    folder: Path
    damaged: Path
    read_from: Path
    read: Callable[[Path], object]


def main() -> int:
    """Damage, read, count; 1 if anything but success or a refusal happened."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=20_000)
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--kind", help="only samples whose kind contains this")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        samples = [*_weights(Path(folder)), *_annotations(Path(folder))]
        samples = [each for each in samples if options.kind is None or options.kind in each.kind]
        counts: Counter[str] = Counter()
        for start in range(0, options.inputs, CHUNK):
            seeds = range(options.first + start, options.first + min(start + CHUNK, options.inputs))
            counts += _in_own_process(samples, seeds)
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
    signal.signal(signal.SIGALRM, _too_slow)
    for seed in seeds:
        queue.put((seed, _outcome(_of(samples, seed), seed)))


def _outcome(sample: Sample, seed: int) -> str:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "damaged"
        shutil.copytree(sample.folder, folder)
        content = mutated(sample.damaged.read_bytes(), seed)
        (folder / sample.damaged.relative_to(sample.folder)).write_bytes(content)
        signal.alarm(MOST_SECONDS)
        try:
            was_read = is_read_or_refused(
                sample.read, folder / sample.read_from.relative_to(sample.folder)
            )
        except BaseException:
            reason = traceback.format_exc().strip()
            print(f"{sample.kind}, seed {seed}: {reason}\n", flush=True)
            return "failed"
        finally:
            signal.alarm(0)
    return "read" if was_read else "refused"


def _too_slow(_number: int, _frame: object) -> None:
    raise TimeoutError(f"more than {MOST_SECONDS} seconds")


def _of(samples: list[Sample], seed: int) -> Sample:
    return samples[seed % len(samples)]


def _weights(folder: Path) -> Iterator[Sample]:
    honest = folder / "weights"
    honest.mkdir()
    for damaged, read_from in write_weights(honest).items():
        yield Sample(f"weights {damaged.name}", honest, damaged, read_from, load_model)


def _annotations(folder: Path) -> Iterator[Sample]:
    """One sequence in every format that can be written, all of its text files damaged in turn."""
    source = folder / "source"
    drawn = synthetic_data(SyntheticSettings(skill="plain", sequences=1, frames=3, size=(64, 96)))
    write_sequences(drawn, source)
    for name in FORMATS:
        place = folder / f"format-{name}"
        try:
            convert_annotations(source, place, name, images="copy")
        except TrackFormerError as error:
            print(f"{name}: not written, not damaged: {error}")
            continue
        for damaged in sorted(place.rglob("*")):
            if damaged.suffix in TEXT and damaged.name != "conversion.yaml":
                yield Sample(f"{name} {damaged.name}", place, damaged, place, _read_all_frames)


def _read_all_frames(path: Path) -> object:
    return [list(sequence.frames) for sequence in read_annotations(path).sequences]


if __name__ == "__main__":
    sys.exit(main())
