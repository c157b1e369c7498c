"""What a service counts, for Prometheus."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

Outcome = Literal["tracked", "repeated", "refused", "passed_over", "malformed", "failed"]
"""Of a frame: `repeated` had an answer already, `refused` found no room, `passed_over` gave its
place to a newer one."""


class Metrics:
    """Counters of one service; nothing is shared with another one in the process."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._frames = Counter(
            "trackformer_frames",
            "Frames, by what became of them",
            ["outcome"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "trackformer_pass_seconds",
            "Time of a pass of the model, states saved",
            registry=self._registry,
        )
        self._together = Histogram(
            "trackformer_pass_frames",
            "Frames that shared a pass",
            buckets=(1, 2, 4, 8, 16, 32),
            registry=self._registry,
        )

    def watch(self, num_sessions: Callable[[], int], num_waiting: Callable[[], int]) -> None:
        """Ask for these whenever somebody looks."""
        sessions = Gauge("trackformer_sessions", "Sessions", registry=self._registry)
        sessions.set_function(num_sessions)
        waiting = Gauge("trackformer_waiting", "Frames that wait", registry=self._registry)
        waiting.set_function(num_waiting)

    def count(self, outcome: Outcome) -> None:
        """One more frame."""
        self._frames.labels(outcome).inc()

    def count_pass(self, num_frames: int, seconds: float) -> None:
        """One more pass of the model."""
        self._together.observe(num_frames)
        self._seconds.observe(seconds)

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self._registry)
