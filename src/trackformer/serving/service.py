"""Sessions and their frames: who is let in, what waits, and which frames share a pass.

All of it runs on the event loop, but for what `one_pass` and `session_files` do: that has a thread
of its own, which alone touches trackers and files.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

from trackformer.config import settings_from
from trackformer.errors import ConfigError, DataError
from trackformer.models.frame_model import FrameModel
from trackformer.serving.metrics import Metrics
from trackformer.serving.one_pass import one_pass
from trackformer.serving.pictures import check_picture, decoded
from trackformer.serving.refusal import Refusal
from trackformer.serving.session import Session, Waiting, digest_of
from trackformer.serving.session_files import (
    SessionState,
    WhenFull,
    read_sessions,
    remove_session,
    write_session,
)
from trackformer.serving.settings import ServeSettings
from trackformer.tracking.prepared_frame import PreparedFrame, prepare_frame
from trackformer.tracking.settings import TrackerSettings
from trackformer.tracking.tracker import Tracker

DECODERS: Final = 2
"""Threads that decode; the model takes far longer than a picture."""
LONGEST_PAUSE_S: Final = 5.0
"""Between two looks for idle sessions."""
OWN_FAULT: Final = 500
"""Statuses from here on are no fault of the client's."""
AT_ONCE: Final = 1
"""Seconds after which a client may try again."""
T = TypeVar("T")


class Service:
    """All sessions of one model.

    Args:
        model: In evaluation mode.
        folder: Where sessions are kept; those of an earlier process go on.
        limits: What is refused.
        changes: Tracker settings that differ from the model's own, in every session.

    Raises:
        CheckpointError: A saved session is damaged, or of another model.
        ConfigError: A tracker setting is wrong.
    """

    def __init__(
        self,
        model: FrameModel,
        folder: Path,
        limits: ServeSettings,
        changes: Mapping[str, Any] | None = None,
    ) -> None:
        self.metrics = Metrics()
        self.limits = limits
        self._model = model
        self._folder = folder
        self._changes = model.settings.tracker | dict(changes or {})
        self._settings({})
        self._sessions = {
            name: Session(name, state, model) for name, state in read_sessions(folder)
        }
        self._num_beginning = 0
        self._arrived = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="model")
        self._decoders = ThreadPoolExecutor(DECODERS, thread_name_prefix="decoder")
        self.metrics.watch(
            lambda: len(self._sessions),
            lambda: sum(len(each.waiting) for each in self._sessions.values()),
        )

    async def begin(self, when_full: WhenFull, changes: Mapping[str, Any]) -> Session:
        """A new session, safe on disk.

        Raises:
            Refusal: 503: there are too many, or it cannot be saved; 422: a setting is wrong.
        """
        if len(self._sessions) + self._num_beginning >= self.limits.most_sessions:
            raise Refusal(503, f"expected at most {self.limits.most_sessions} sessions", AT_ONCE)
        try:
            settings = self._settings(changes)
        except ConfigError as error:
            raise Refusal(422, str(error)) from error
        self._num_beginning += 1
        try:
            session = await self._in_thread(lambda: self._saved(when_full, settings))
        except DataError as error:
            raise Refusal(503, str(error), AT_ONCE) from error
        finally:
            self._num_beginning -= 1
        self._sessions[session.name] = session
        return session

    def session(self, name: str) -> Session:
        """The session of a name.

        Raises:
            Refusal: 404: there is none, or not any more.
        """
        session = self._sessions.get(name)
        if session is None:
            raise Refusal(404, "no such session; it may have ended, or been idle for too long")
        session.touch()
        return session

    async def end(self, session: Session) -> None:
        """Forget a session, its files included; frames that wait are not tracked."""
        self._sessions.pop(session.name, None)
        while session.waiting:
            self._refuse(session.waiting.popleft(), Refusal(404, "the session has ended"))
        # Behind a pass that may be under way, which would save it once more.
        await self._in_thread(lambda: remove_session(self._folder / session.name))

    def submit(
        self, session: Session, number: int, content: bytes, time_s: float | None
    ) -> asyncio.Future[str]:
        """Let a frame wait for the model; what comes is shared with whoever sends it again.

        Raises:
            Refusal: 409: the number is taken; 413, 415, 422: no picture, or too large a one; 429:
                there is no room.
        """
        digest = digest_of(content)
        known = session.known(number, digest)
        if known is not None:
            self.metrics.count("repeated")
            return _done(known) if isinstance(known, str) else known
        self._check(content)
        if len(session.waiting) >= self.limits.most_waiting:
            self._make_room(session, number)
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        # Whoever asked may have gone; nobody else complains then.
        answer.add_done_callback(lambda done: done.cancelled() or done.exception())
        prepared = self._decoders.submit(self._prepare, content)
        session.waiting.append(Waiting(number, digest, time_s, prepared, answer))
        self._arrived.set()
        return answer

    async def run(self) -> None:
        """Track what arrives, and end what is idle, until cancelled."""
        pause_s = min(LONGEST_PAUSE_S, self.limits.idle_s / 4)
        looked_s = time.monotonic()
        while True:
            if time.monotonic() - looked_s >= pause_s:
                await self._end_idle()
                looked_s = time.monotonic()
            batch = self._take()
            if batch:
                await self._track(batch)
                continue
            self._arrived.clear()
            try:
                await asyncio.wait_for(self._arrived.wait(), pause_s)
            except TimeoutError:
                continue

    def close(self) -> None:
        """Wait for the pass that is under way; what is acknowledged is safe anyway."""
        self._thread.shutdown()
        self._decoders.shutdown(cancel_futures=True)

    def _settings(self, changes: Mapping[str, Any]) -> TrackerSettings:
        return settings_from(TrackerSettings, self._changes | dict(changes), "settings")

    def _saved(self, when_full: WhenFull, settings: TrackerSettings) -> Session:
        name = secrets.token_urlsafe(16)
        state = SessionState(when_full, None, Tracker(self._model, settings).state())
        write_session(self._folder / name, state)
        return Session(name, state, self._model)

    def _check(self, content: bytes) -> None:
        try:
            check_picture(content, self.limits.most_pixels)
        except Refusal:
            self.metrics.count("malformed")
            raise

    def _make_room(self, session: Session, number: int) -> None:
        if session.when_full == "refuse":
            self.metrics.count("refused")
            raise Refusal(
                429,
                f"frame {number}: {self.limits.most_waiting} frames of this session wait already",
                AT_ONCE,
            )
        oldest = session.waiting.popleft()
        self.metrics.count("passed_over")
        oldest.prepared.cancel()
        self._refuse(oldest, Refusal(409, f"frame {oldest.number}: passed over for a newer one"))

    def _prepare(self, content: bytes) -> PreparedFrame:
        return prepare_frame(self._model, decoded(content))

    def _take(self) -> list[tuple[Session, Waiting]]:
        """A frame of each session that has one, whoever waits for longest first."""
        ready = [each for each in self._sessions.values() if each.waiting]
        ready.sort(key=lambda session: session.waiting[0].arrived_s)
        return [(each, each.take()) for each in ready[: self.limits.most_together]]

    async def _track(self, batch: list[tuple[Session, Waiting]]) -> None:
        start = time.monotonic()
        outcomes = await self._in_thread(lambda: one_pass(self._model, self._folder, batch))
        self.metrics.count_pass(len(batch), time.monotonic() - start)
        for (session, frame), outcome in zip(batch, outcomes, strict=True):
            session.settle()
            if isinstance(outcome, Refusal):
                self.metrics.count("failed" if outcome.status >= OWN_FAULT else "malformed")
                self._refuse(frame, outcome)
            else:
                self.metrics.count("tracked")
                frame.answer.set_result(outcome)

    def _refuse(self, frame: Waiting, refusal: Refusal) -> None:
        if not frame.answer.done():
            frame.answer.set_exception(refusal)

    async def _end_idle(self) -> None:
        for session in list(self._sessions.values()):
            if session.idle_s > self.limits.idle_s:
                await self.end(session)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


def _done(answer: str) -> asyncio.Future[str]:
    future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    future.set_result(answer)
    return future
