"""Cameras and streams as they are now: the newest picture counts, and a drop is not the end."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Final

from trackformer.errors import DataError
from trackformer.video.frames import Frame, FrameSource

LONGEST_WAIT_S: Final = 30.0
_LOG: Final = logging.getLogger(__name__)
_CLOSING_S: Final = 2.0
"""So long the reading thread may take to notice that nobody wants more."""
_LEAST_STEP: Final = 0.5
"""Of a frame's length: so much lies between the times of any two frames."""
_DECLARED_FRAMES: Final = 10
"""As many measured lengths of a frame count as much as the declared one, which may be made up."""


@dataclass(frozen=True, slots=True)
class LiveReading:
    """How a source is read that cannot be read again; files are read frame by frame anyway."""

    every_frame: bool = False
    """Also when the tracker is slower than the camera: pictures then get older and older."""
    reconnect: int = 5
    """How often in a row a dropped source is tried again; 0: it ends."""
    first_wait_s: float = 1.0
    """Before the first try; each further one doubles it, up to 30 seconds."""


@dataclass(slots=True)
class LiveReport:
    """What became of a source so far."""

    num_read: int = 0
    num_dropped: int = 0
    """Frames that a newer one replaced before anybody took them."""
    num_reconnections: int = 0
    seconds_gone: float = 0.0
    """From each last frame before a drop to the first behind it."""
    oldest_s: float = 0.0
    """The greatest age of a picture when it was taken."""

    def remarks(self) -> tuple[str, ...]:
        """In words, one line each; nothing where all was well."""
        lines = []
        if self.num_dropped:
            lines.append(
                f"{self.num_dropped} of {self.num_read} frames were left out, since newer ones had "
                f"come; the oldest picture taken was {self.oldest_s:.2f} s old (--every-frame)"
            )
        if self.num_reconnections:
            lines.append(
                f"connected again {self.num_reconnections} times, "
                f"{self.seconds_gone:.1f} s without frames"
            )
        return tuple(lines)


def live_source(
    first: FrameSource, open_again: Callable[[], FrameSource], reading: LiveReading
) -> FrameSource:
    """A source that stays up to date, and goes on after a drop.

    Frames are numbered as they are taken, and their times are those of their arrival, so that gaps
    count; but where several arrive at once they are half a frame's length apart. Iterating raises
    `DataError` when the source is given up.

    Args:
        first: Open, and endless.
        open_again: Connects again; raises `DataError` where that fails.
        reading: What is asked of it.
    """
    report = LiveReport()
    arrivals = _Arrivals(first, open_again, reading, report)
    slot = _Slot(report, keeps_all=reading.every_frame)
    thread = threading.Thread(
        target=_read, args=(arrivals.frames(), slot), name="live source", daemon=True
    )

    def release() -> None:
        arrivals.is_stopped.set()
        slot.want_no_more()
        # Reading may hang until the source's own time limit: then the thread ends by itself later.
        thread.join(_CLOSING_S)

    thread.start()
    return FrameSource(
        name=first.name,
        frame_rate=first.frame_rate,
        num_frames=None,
        frames=_taken(slot),
        release=release,
        remarks=report.remarks,
        is_live=True,
        has_next=slot.is_filled,
    )


class _ArrivalClock:
    """When frames were taken, by their arrival.

    What waited in a buffer - while a connection was opened, say - arrives all at once. Speeds are
    measured by these times: of two such pictures, a frame's length apart, everything would seem to
    move a hundred times as fast as it does, and would be looked for far away in the next.

    Args:
        frame_rate: As the source declares it, frames a second.
    """

    def __init__(self, frame_rate: float) -> None:
        self._num_lengths = _DECLARED_FRAMES
        self._lengths_s = _DECLARED_FRAMES / frame_rate
        self._first: float | None = None
        self._last = self._time_s = 0.0

    def time_of(self, arrival: float, *, is_first: bool) -> float:
        """Seconds since the first frame.

        Args:
            arrival: Of the next frame, in seconds from any moment on.
            is_first: Of a connection: what passed before is no frame's length.
        """
        if self._first is None:
            self._first = self._last = arrival
            return 0.0
        if not is_first:
            self._lengths_s += arrival - self._last
            self._num_lengths += 1
        least = self._time_s + _LEAST_STEP * self._lengths_s / self._num_lengths
        self._last, self._time_s = arrival, max(arrival - self._first, least)
        return self._time_s


@dataclass(slots=True)
class _Arrivals:
    """Every frame with the moment of its arrival, over all connections."""

    first: FrameSource
    open_again: Callable[[], FrameSource]
    reading: LiveReading
    report: LiveReport
    is_stopped: threading.Event = field(default_factory=threading.Event)

    def frames(self) -> Generator[Frame, None, None]:
        """Numbered within each connection."""
        last = None
        clock = _ArrivalClock(self.first.frame_rate)
        source: FrameSource | None = self.first
        while source is not None:
            reason = f"{self.first.name}: stream ended"
            with source:
                try:
                    for frame in source:
                        now = time.monotonic()
                        is_first = frame.frame_index == 0
                        if last is not None and is_first:
                            self.report.seconds_gone += now - last
                        last = now
                        self.report.num_read += 1
                        yield replace(frame, time_s=clock.time_of(now, is_first=is_first))
                        if self.is_stopped.is_set():
                            return
                except DataError as error:
                    reason = str(error)
            source = self._next_connection(reason)

    def _next_connection(self, reason: str) -> FrameSource | None:
        """Try again and again, after longer and longer waits; None: nobody wants more.

        Raises:
            DataError: Often enough.
        """
        wait = self.reading.first_wait_s
        if self.reading.reconnect:
            # Said at once: until it is given up, minutes may pass without a frame.
            _LOG.warning("%s; trying again, up to %d times", reason, self.reading.reconnect)
        for _ in range(self.reading.reconnect):
            if self.is_stopped.wait(wait):
                return None
            try:
                source = self.open_again()
            except DataError as error:
                reason = str(error)
                wait = min(2 * wait, LONGEST_WAIT_S)
                continue
            self.report.num_reconnections += 1
            return source
        tries = f"; tried again {self.reading.reconnect} times" if self.reading.reconnect else ""
        raise DataError(f"{reason}{tries}")


class _Slot:
    """Room for one frame: a newer one takes the place of one that nobody took.

    Args:
        report: Where what is left out is counted.
        keeps_all: A newer one waits instead until that is taken.
    """

    def __init__(self, report: LiveReport, *, keeps_all: bool) -> None:
        self._report = report
        self._keeps_all = keeps_all
        self._changed = threading.Condition()
        self._frame: tuple[Frame, float] | None = None
        self._end: BaseException | None = None
        self._is_wanted = True
        self._is_taken_from = False

    def is_filled(self) -> bool:
        """Whether `take` need not wait."""
        return self._frame is not None or self._end is not None

    def put(self, frame: Frame) -> None:
        """In place of the frame before, if that is still there, or behind it."""
        with self._changed:
            if self._keeps_all:
                self._changed.wait_for(lambda: self._frame is None or not self._is_wanted)
            # What passes while a model is still being loaded, say, is not missed by anybody.
            is_missed = self._frame is not None and self._is_wanted and self._is_taken_from
            self._report.num_dropped += is_missed
            self._frame = frame, time.monotonic()
            self._changed.notify_all()

    def want_no_more(self) -> None:
        """Let who waits with a frame go on."""
        with self._changed:
            self._is_wanted = False
            self._changed.notify_all()

    def end(self, reason: BaseException) -> None:
        """Nothing more comes."""
        with self._changed:
            self._end = reason
            self._changed.notify_all()

    def take(self) -> Frame:
        """Wait for a frame; what ended the source is raised behind the last one."""
        with self._changed:
            self._is_taken_from = True
            self._changed.wait_for(lambda: self._frame is not None or self._end is not None)
            if self._frame is None:
                assert self._end is not None
                raise self._end
            (frame, arrival), self._frame = self._frame, None
            self._changed.notify_all()
            age = time.monotonic() - arrival
            self._report.oldest_s = max(self._report.oldest_s, age)
            return frame


def _taken(slot: _Slot) -> Generator[Frame, None, None]:
    """The frames of the slot, which a thread fills as they arrive."""
    for index in count():
        try:
            frame = slot.take()
        except StopIteration:
            return
        yield replace(frame, frame_index=index)


def _read(frames: Generator[Frame, None, None], slot: _Slot) -> None:
    """Runs in the thread."""
    try:
        with closing(frames):
            for frame in frames:
                slot.put(frame)
    except BaseException as error:  # raised again where the frames are used
        slot.end(error)
        return
    slot.end(StopIteration())
