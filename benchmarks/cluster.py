"""Recordings on a cluster: two workers against one (Linux, two free cores).

Run: `python -m benchmarks.cluster [--videos N] [--rounds N] [--model NAME]`; four minutes on two
cores. The bundled clip, as often as that; each number of workers on a cluster of its own on this
machine, in turns. What counts is the rate from when every worker has tracked one recording, for
which it had to load its model. At least 1.7 times as fast is asked for.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from trackformer.cluster.run import LOCAL, ClusterChoice, track_on_cluster
from trackformer.cluster.worker import Job
from trackformer.demo_clip import clip_file
from trackformer.tracking.videos.many import TrackingChoices
from trackformer.verbs.flags.many import ModelChoice

NUMBERS = (1, 2)
PLAIN = TrackingChoices(write_video=False)
NODE_START_S = 600
"""Ray gives a node 30 seconds to start, which a busy machine does not keep."""


def ends_of(num_workers: int, num_videos: int, model: str) -> list[float]:
    """When each recording was ready, in seconds from the first one's end on."""
    load = ModelChoice(model, "cpu", "float32", None)
    ended = []
    with tempfile.TemporaryDirectory() as folder, clip_file() as clip:
        numbers = [str(number) for number in range(num_videos)]
        jobs = [Job(number, str(clip), str(Path(folder, number))) for number in numbers]
        cluster = ClusterChoice(LOCAL, num_workers)
        for outcome in track_on_cluster(load, jobs, PLAIN, cluster, print):
            assert outcome.why is None, outcome.why
            ended.append(time.monotonic())
    return [each - ended[0] for each in ended]


def rate_of(ended: Sequence[float], num_workers: int) -> float:
    """Recordings a second, once every worker is warm and until one has nothing more to do.

    Args:
        ended: When each recording was ready.
        num_workers: They take turns, so that as many behind the warm ones are counted as all of
            them do in whole turns.
    """
    num_counted = (len(ended) - num_workers) // num_workers * num_workers
    first, last = ended[num_workers - 1], ended[num_workers - 1 + num_counted]
    return num_counted / (last - first)


def main() -> None:
    """The rates, then their ratio."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cluster")
    parser.add_argument("--videos", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--model", default="nano")
    options = parser.parse_args()
    if options.videos < 2 * max(NUMBERS):
        parser.error(f"--videos: expected at least {2 * max(NUMBERS)}, got {options.videos}")
    os.environ.setdefault("RAY_raylet_start_wait_time_s", str(NODE_START_S))
    cores = len(os.sched_getaffinity(0))
    print(f"{cores} cores, {os.getloadavg()[0]:.1f} processes on them before", flush=True)
    rates: dict[int, list[float]] = {number: [] for number in NUMBERS}
    for _ in range(options.rounds):
        for num_workers, found in rates.items():
            ended = ends_of(num_workers, options.videos, options.model)
            found.append(rate_of(ended, num_workers))
            print(f"{num_workers} workers: {found[-1]:.3f} recordings a second", flush=True)
    print(f"two workers are {sum(rates[2]) / sum(rates[1]):.2f} times as fast as one")


if __name__ == "__main__":
    main()
