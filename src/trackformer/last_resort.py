"""What is said where an error is nobody's mistake that we know of: a full disk, too little memory.

Errors of the program itself are not among these: they keep their traceback.
"""

from __future__ import annotations

import signal
from typing import Final

OUT_OF_MEMORY: Final = ("out of memory", "not enough memory", "can't allocate memory")
"""How torch says so, as a RuntimeError."""

LONGEST: Final = 1000
"""Characters of a message: it may quote a file that is one long line."""


def stop_signals() -> tuple[signal.Signals, ...]:
    """Those that ask a program to end as Ctrl-C does: of a service manager, of a closed terminal.

    One that is ignored stays so: `nohup` starts programs with the terminal's hang-up ignored.
    """
    names = ("SIGTERM", "SIGHUP")  # Windows has no hang-up
    known = [getattr(signal, name) for name in names if hasattr(signal, name)]
    return tuple(number for number in known if signal.getsignal(number) is not signal.SIG_IGN)


def shown_in_one_line(message: str) -> str:
    r"""A message as it may be printed: names out of files may hold what a terminal obeys.

    >>> shown_in_one_line("a name\nof two lines\x1b[2J")
    'a name of two lines\\x1b[2J'
    """
    in_one = " ".join(message.splitlines())
    shown = "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in in_one
    )
    if len(shown) <= LONGEST:
        return shown
    # Where the mistake is stands in front, what to do about it at the end.
    return f"{shown[: LONGEST * 3 // 4]} ... {shown[-LONGEST // 5 :]}"


def in_one_line(error: BaseException) -> str | None:
    """What a user needs to know of an error that is no fault of the program; None for others."""
    if isinstance(error, OSError) and error.strerror:
        where = "" if error.filename is None else f"{error.filename}: "
        return f"{where}{error.strerror}"
    if isinstance(error, MemoryError):
        return f"not enough memory{_said(error)}"
    if isinstance(error, RecursionError):
        return f"a file nests too deeply{_said(error)}"
    if isinstance(error, RuntimeError) and any(words in str(error) for words in OUT_OF_MEMORY):
        return f"not enough memory{_said(error)}"
    return None


def _said(error: BaseException) -> str:
    first, _, _ = str(error).strip().partition("\n")
    return f": {first}" if first else ""
