"""How the next frame is made ready while the current one is worked on."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

ItemT = TypeVar("ItemT")
WAITING: Final = 1
"""Items that wait ready, beside the one being made: more would only use memory."""


@dataclass(frozen=True, slots=True, eq=False)
class _Made(Generic[ItemT]):
    item: ItemT


@dataclass(frozen=True, slots=True, eq=False)
class _Ended:
    reason: BaseException | None


def read_ahead(items: Iterator[ItemT]) -> Generator[ItemT, None, None]:
    """The same items, each made in a thread while its predecessor is in use.

    Whatever ends `items`, an exception included, ends this after the items before. Closing waits
    for the item being made; only then may what `items` reads from be closed.
    """
    ready: queue.Queue[_Made[ItemT] | _Ended] = queue.Queue(WAITING)
    is_wanted = threading.Event()
    is_wanted.set()
    thread = threading.Thread(
        target=_make, args=(items, ready, is_wanted), name="read ahead", daemon=True
    )
    thread.start()
    try:
        while isinstance(made := ready.get(), _Made):
            yield made.item
        if made.reason is not None:
            raise made.reason
    finally:
        is_wanted.clear()
        while thread.is_alive():
            # Room for what the thread may be waiting to put.
            while not ready.empty():
                ready.get_nowait()
            thread.join(timeout=0.01)


def _make(
    items: Iterator[ItemT],
    ready: queue.Queue[_Made[ItemT] | _Ended],
    is_wanted: threading.Event,
) -> None:
    """Runs in the thread."""
    reason: BaseException | None = None
    try:
        for item in items:
            ready.put(_Made(item))
            if not is_wanted.is_set():
                return
    except BaseException as error:  # raised again where the items are used
        reason = error
    ready.put(_Ended(reason))
