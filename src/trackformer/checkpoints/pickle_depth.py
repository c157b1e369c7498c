"""How deep the tuples of a pickle nest, found out without making any.

A tuple that is the key of a mapping is hashed, and Python hashes tuples within tuples without a
limit: a small file of a hundred thousand of them would end the process.
"""

from __future__ import annotations

import pickletools
from collections.abc import Iterator
from io import SEEK_END, BufferedReader, BytesIO
from typing import IO, Final, cast

TUPLES: Final = frozenset({"TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"})
PUTS: Final = frozenset({"PUT", "BINPUT", "LONG_BINPUT"})
GETS: Final = frozenset({"GET", "BINGET", "LONG_BINGET"})
MARK: Final = -1
"""On the stack: where the items of a tuple, list or mapping begin. All else is its depth."""

Opcodes = Iterator[tuple[pickletools.OpcodeInfo, object, int | None]]


def deepest_tuple(file: BytesIO | BufferedReader, limit: int) -> int:
    """Depth of the deepest tuple of one pickle, which begins where the file stands.

    Counting ends beyond `limit`, or where the pickle makes no sense: then nobody can read it.
    """
    deepest = 0
    stack: list[int] = []
    memo: dict[object, int] = {}
    try:
        for opcode, argument, _ in pickletools.genops(cast(IO[bytes], _Bounded(file))):
            if opcode.name in PUTS:
                memo[argument] = stack[-1]
            elif opcode.name == "MEMOIZE":
                memo[len(memo)] = stack[-1]
            elif opcode.name in GETS:
                stack.append(memo[argument])
            else:
                taken = _taken(opcode, stack)
                depth = 1 + max(taken, default=0) if opcode.name in TUPLES else 0
                deepest = max(deepest, depth)
                stack += _left(opcode, depth, taken)
            if deepest > limit:
                break
    except (ValueError, IndexError, KeyError):
        return deepest
    return deepest


class _Bounded:
    """A file of which no more is asked than there is: a pickle may claim texts of gigabytes."""

    def __init__(self, file: BytesIO | BufferedReader) -> None:
        self._file = file
        start = file.tell()
        self._end = file.seek(0, SEEK_END)
        file.seek(start)

    def read(self, count: int) -> bytes:
        """So many bytes; ValueError where the file has fewer."""
        if count > self._end - self._file.tell():
            raise ValueError(f"expected {count} more bytes, got the end of the file")
        return self._file.read(count)

    def readline(self) -> bytes:
        """Up to the end of a line."""
        return self._file.readline()

    def tell(self) -> int:
        """Where it stands."""
        return self._file.tell()


def _taken(opcode: pickletools.OpcodeInfo, stack: list[int]) -> list[int]:
    """Take from the stack what an opcode takes; without its mark."""
    taken: list[int] = []
    before = [kind for kind in opcode.stack_before if kind is not pickletools.stackslice]
    if pickletools.markobject in before:
        while (item := stack.pop()) != MARK:
            taken.append(item)
        before = before[: before.index(pickletools.markobject)]
    for _ in before:
        taken.append(stack.pop())
    return taken


def _left(opcode: pickletools.OpcodeInfo, depth: int, taken: list[int]) -> list[int]:
    """What an opcode leaves on the stack."""
    if opcode.name == "DUP":
        return [taken[0], taken[0]]
    return [MARK if kind is pickletools.markobject else depth for kind in opcode.stack_after]
