"""One client's stream: its tracker, the frames that wait, and the last answer."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from trackformer.models.frame_model import FrameModel
from trackformer.objects import TrackedObjects
from trackformer.serving.refusal import Refusal
from trackformer.serving.session_files import Answered, SessionState, WhenFull
from trackformer.tracking.prepared_frame import PreparedFrame
from trackformer.tracking.tracker import Tracker
from trackformer.tracking.videos.outputs import object_records


@dataclass(frozen=True, slots=True, eq=False)
class Waiting:
    """A frame whose answer is not known yet."""

    number: int
    """As the client counts."""
    digest: str
    time_s: float | None
    prepared: Future[PreparedFrame]
    """Decoded meanwhile, in another thread."""
    answer: asyncio.Future[str]
    arrived_s: float = field(default_factory=time.monotonic)


class Session:
    """Lives on the event loop; its tracker belongs to the thread of the model.

    Args:
        name: As in its address: hard to guess.
        state: As it was saved.
        model: For its tracker.

    Raises:
        CheckpointError: The state is of another model.
    """

    def __init__(self, name: str, state: SessionState, model: FrameModel) -> None:
        self.name = name
        self.when_full: WhenFull = state.when_full
        self.last = state.last
        self.tracker = Tracker.restore(model, state.tracker)
        self.waiting: deque[Waiting] = deque()
        self.in_work: Waiting | None = None
        self._saved = state
        self._model = model
        self._used_s = time.monotonic()

    @property
    def next_number(self) -> int:
        """The first number that no frame has had."""
        numbers = [each.number for each in self._pending()]
        if self.last is not None:
            numbers.append(self.last.number)
        return max(numbers, default=-1) + 1

    @property
    def idle_s(self) -> float:
        """How long nobody has asked for anything."""
        return 0.0 if any(self._pending()) else time.monotonic() - self._used_s

    def touch(self) -> None:
        """Somebody has asked for something."""
        self._used_s = time.monotonic()

    def known(self, number: int, digest: str) -> str | asyncio.Future[str] | None:
        """The answer to a frame that came before, or what it will be; None: it is new.

        Raises:
            Refusal: 409: The number was another picture's, or is too small.
        """
        pending = next((each for each in self._pending() if each.number == number), None)
        before = self.last if self.last is not None and self.last.number == number else pending
        if before is None:
            if number < self.next_number:
                raise Refusal(409, f"frame {number}: expected {self.next_number} or later")
            return None
        if before.digest != digest:
            raise Refusal(409, f"frame {number}: was another picture before")
        return before.answer

    def take(self) -> Waiting:
        """The frame that is tracked next."""
        self.in_work = self.waiting.popleft()
        return self.in_work

    def answered(self, frame: Waiting, found: TrackedObjects) -> SessionState:
        """In the thread of the model: all that has to be safe before the client hears of it."""
        words: dict[str, Any] = {
            "frame": frame.number,
            "frame_index": found.frame_index,
            "time_s": frame.time_s,
            "objects": object_records(found),
        }
        last = Answered(frame.number, frame.digest, json.dumps(words))
        return SessionState(self.when_full, last, self.tracker.state())

    def go_on(self, state: SessionState) -> None:
        """The state is safe: it counts from now on."""
        self._saved = state

    def go_back(self) -> None:
        """As if the frame in work had not come: its state is not safe."""
        self.tracker = Tracker.restore(self._model, self._saved.tracker)

    def settle(self) -> None:
        """On the event loop: what is safe is what is known."""
        self.in_work = None
        self.last = self._saved.last
        self.touch()

    def _pending(self) -> Iterator[Waiting]:
        if self.in_work is not None:
            yield self.in_work
        yield from self.waiting


def digest_of(content: bytes) -> str:
    """Equal for equal pictures only."""
    return hashlib.sha256(content).hexdigest()
