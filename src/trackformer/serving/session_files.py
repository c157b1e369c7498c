"""Sessions on disk: what of them outlives the process, whatever ends it."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, get_args

from trackformer.atomic_files import clear_leftovers, whole_file
from trackformer.errors import CheckpointError, DataError
from trackformer.tracking.sessions.packed import as_bytes, as_tensor, packed, read_packed

FORMAT: Final = "trackformer-session-1"
FILE_NAME: Final = "session.safetensors"
NAME: Final = re.compile(r"[A-Za-z0-9_-]{16,64}")
"""What a session may be called: nothing that leads out of the folder."""
WhenFull = Literal["refuse", "newest"]
"""A frame for which there is no room is refused, or takes the place of the oldest that waits."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The last frame that was tracked."""

    number: int
    """As the client counts."""
    digest: str
    """Of the picture, so that only the same one has the same answer."""
    answer: str
    """What the client got, or will get when it asks again."""


@dataclass(frozen=True, slots=True)
class SessionState:
    """A session between two frames."""

    when_full: WhenFull
    last: Answered | None
    """None before the first frame."""
    tracker: bytes = field(repr=False)
    """`Tracker.state()`."""


def write_session(folder: Path, state: SessionState) -> None:
    """Once it returns, neither a kill nor a loss of power takes the state away.

    Raises:
        DataError: It cannot be written.
    """
    is_new = not folder.exists()
    path = folder / FILE_NAME
    plain = {key: value for key, value in asdict(state).items() if key != "tracker"}
    data = packed(FORMAT, plain, {"tracker": as_tensor(state.tracker)})
    with whole_file(path) as partial, partial.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    try:
        _sync(folder)
        if is_new:
            _sync(folder.parent)
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {error.strerror}") from error


def read_sessions(folder: Path) -> Iterator[tuple[str, SessionState]]:
    """All that are in a folder, with their names.

    Raises:
        CheckpointError: One is damaged, or of another version.
    """
    for each in sorted(folder.iterdir()):
        path = each / FILE_NAME
        if NAME.fullmatch(each.name) is None or not path.exists():
            continue
        clear_leftovers(path)
        yield each.name, _read(path)


def _read(path: Path) -> SessionState:
    what = f"{path}: saved session"
    plain, tensors = read_packed(FORMAT, path, what)
    try:
        return _state(plain, as_bytes(tensors["tracker"]))
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{what}: damaged: {error}") from error


def _state(plain: dict[str, Any], tracker: bytes) -> SessionState:
    if plain["when_full"] not in get_args(WhenFull):
        raise ValueError(f"when_full is {plain['when_full']!r}")
    last = None if plain["last"] is None else Answered(**plain["last"])
    return SessionState(plain["when_full"], last, tracker)


def remove_session(folder: Path) -> None:
    """Forget it. A kill in between leaves an empty folder, which is no session."""
    with suppress(OSError):
        (folder / FILE_NAME).unlink(missing_ok=True)
        clear_leftovers(folder / FILE_NAME)
        folder.rmdir()


def _sync(folder: Path) -> None:
    """A new name in a folder is safe only once the folder is."""
    if sys.platform == "win32":  # folders cannot be opened there
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
