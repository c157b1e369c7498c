"""Recordings on a cluster: two workers against one (Linux, two free cores).

Run: `python -m benchmarks.cluster`. The bundled clip, nine times, with the model `nano`; each
number of workers on a cluster of its own on this machine, in turns. What counts is the rate from
when every worker has tracked one recording, for which it had to load its model.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from trackformer.cluster.run import LOCAL, ClusterChoice, track_on_cluster
from trackformer.cluster.worker import Job
from trackformer.demo_clip import clip_file
from trackformer.tracking.videos.many import TrackingChoices
from trackformer.verbs.flags.many import ModelChoice

VIDEOS = 9
ROUNDS = 2
PLAIN = TrackingChoices(write_video=False)


def rate_of(num_workers: int) -> float:
    """Recordings a second, once every worker is warm."""
    load = ModelChoice("nano", "cpu", "float32", None)
    ended = []
    with tempfile.TemporaryDirectory() as folder, clip_file() as clip:
        numbers = [str(number) for number in range(VIDEOS)]
        jobs = [Job(number, str(clip), str(Path(folder, number))) for number in numbers]
        cluster = ClusterChoice(LOCAL, num_workers)
        for outcome in track_on_cluster(load, jobs, PLAIN, cluster, print):
            assert outcome.why is None, outcome.why
            ended.append(time.monotonic())
    return (VIDEOS - num_workers) / (ended[-1] - ended[num_workers - 1])


def main() -> None:
    """The rates, then their ratio."""
    rates: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(ROUNDS):
        for num_workers, found in rates.items():
            found.append(rate_of(num_workers))
            print(f"{num_workers} workers: {found[-1]:.3f} recordings a second", flush=True)
    print(f"two workers are {sum(rates[2]) / sum(rates[1]):.2f} times as fast as one")


if __name__ == "__main__":
    main()
