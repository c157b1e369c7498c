"""Recordings over a Ray cluster: one at a time to each worker, to another if that is lost."""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

from trackformer.cluster.worker import Job, work
from trackformer.errors import ConfigError, TrackFormerError
from trackformer.tracking.videos.many import (
    LoadModel,
    Outcome,
    TrackingChoices,
    ready_to_track,
)

LOCAL: Final = "local"
"""In place of an address: a cluster of this machine's own cores, for this run."""
MOST_ATTEMPTS: Final = 3
"""A recording on which so many workers were lost is not tried again: it may be what kills them."""


@dataclass(frozen=True, slots=True)
class ClusterChoice:
    """Which cluster, and how much of it."""

    address: str
    """As Ray has it, or `LOCAL`."""
    num_workers: int | None = None
    """None: as many as it has cores, or GPUs where these are used."""
    on_gpu: bool = False
    """Each worker has a GPU of its own."""


def track_on_cluster(
    load: LoadModel,
    jobs: Sequence[Job],
    choices: TrackingChoices,
    cluster: ClusterChoice,
    remark: Callable[[str], object],
) -> Iterator[Outcome]:
    """Track recordings, each as it would be tracked alone on one machine.

    Args:
        load: Makes the model, once for each worker; picklable.
        jobs: The recordings.
        choices: How they are tracked.
        cluster: Where.
        remark: Told in a line when a worker is lost.

    Yields:
        What became of each, in the order in which they end.

    Raises:
        ConfigError: Ray is not installed, there is no such cluster, or its workers cannot load the
            model.
    """
    ray = _ray()
    with _connected(ray, cluster.address):
        workers = _Workers(ray, load, choices, cluster, remark)
        waiting = deque(jobs)
        while waiting or workers.num_jobs:
            workers.give(waiting)
            for job, outcome in workers.ended():
                if outcome is not None:
                    yield outcome
                elif job.attempt + 1 < MOST_ATTEMPTS:
                    remark(f"{job.name}: its worker was lost; it goes on elsewhere")
                    waiting.appendleft(replace(job, attempt=job.attempt + 1))
                else:
                    why = f"{MOST_ATTEMPTS} workers were lost while they tracked it"
                    yield Outcome(job.name, None, why)


class _Workers:
    """Actors of Ray's, which starts them again elsewhere where there is room."""

    def __init__(
        self,
        ray: Any,
        load: LoadModel,
        choices: TrackingChoices,
        cluster: ClusterChoice,
        remark: Callable[[str], object],
    ) -> None:
        self._ray = ray
        self._remark = remark
        resource = "GPU" if cluster.on_gpu else "CPU"
        number = cluster.num_workers or max(1, int(ray.cluster_resources().get(resource, 1)))
        options = {"num_gpus": 1} if cluster.on_gpu else {"num_cpus": 1}
        actor = ray.remote(max_restarts=-1, max_task_retries=0, **options)(_Worker)
        self._busy: dict[Any, tuple[Any, Job | None]] = {}
        """By the answer that is awaited; without a job it only says whether it is ready."""
        self._free: list[Any] = []
        for _ in range(number):
            self._ask_whether_ready(actor.remote(load, choices))

    @property
    def num_jobs(self) -> int:
        """Recordings that are being tracked."""
        return sum(job is not None for _, job in self._busy.values())

    def give(self, waiting: deque[Job]) -> None:
        """A recording to each that has none."""
        while waiting and self._free:
            worker, job = self._free.pop(), waiting.popleft()
            self._busy[worker.track.remote(job)] = (worker, job)

    def ended(self) -> list[tuple[Job, Outcome | None]]:
        """Wait for the next; None: its worker was lost."""
        answers, _ = self._ray.wait(list(self._busy), num_returns=1)
        ended: list[tuple[Job, Outcome | None]] = []
        for answer in answers:
            worker, job = self._busy.pop(answer)
            try:
                said = self._ray.get(answer)
            except self._ray.exceptions.RayActorError:
                said = None
                # There may be no room for it any more: nothing is given to it until it is back.
                self._ask_whether_ready(worker)
            else:
                if job is None and said is not None:
                    self._leave_out(said)
                    continue
                self._free.append(worker)
            if job is not None:
                ended.append((job, said))
        return ended

    def _leave_out(self, why: str) -> None:
        """A worker that is not ready; one that takes the place of a lost one ends nothing."""
        if not self._free and not self.num_jobs:
            raise ConfigError(why)
        self._remark(f"a worker is left out: {why}")

    def _ask_whether_ready(self, worker: Any) -> None:
        self._busy[worker.why_not_ready.remote()] = (worker, None)


class _Worker:
    """In a process of its own, with a model of its own."""

    def __init__(self, load: LoadModel, choices: TrackingChoices) -> None:
        import torch

        torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
        self._load = load
        self._choices = choices

    def why_not_ready(self) -> str | None:
        try:
            ready_to_track(self._load, self._choices)
        except TrackFormerError as error:
            return str(error)
        return None

    def track(self, job: Job) -> Outcome:
        return work(self._load, job, self._choices)


@contextmanager
def _connected(ray: Any, address: str) -> Iterator[None]:
    """Connected already: it stays so."""
    if ray.is_initialized():
        yield
        return
    # Nothing is sent anywhere, and no page is served.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    where = {"include_dashboard": False} if address == LOCAL else {"address": address}
    try:
        ray.init(log_to_driver=False, logging_level=logging.ERROR, **where)
    except (ConnectionError, ValueError, RuntimeError, TimeoutError) as error:
        first = str(error).partition("\n")[0]
        raise ConfigError(f"--cluster: {address} cannot be reached: {first}") from error
    try:
        yield
    finally:
        ray.shutdown()


def _ray() -> Any:
    try:
        import ray
        import ray.exceptions
    except ImportError as error:
        raise ConfigError("--cluster: needs Ray: pip install 'trackformer[cluster]'") from error
    return ray
