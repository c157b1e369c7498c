"""Small honest files, damaged at random: what readers must refuse in one line, or read.

`mutated` follows from its seed alone, so that a failing input can be made again. `scripts/fuzz.py`
runs thousands of them.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

from trackformer.errors import TrackFormerError
from trackformer.last_resort import LONGEST, shown_in_one_line

NUMBERS: Final = (
    "0", "-1", "1", "0.5", "-0.0", "255", "2000000000", "1000000000000", "9" * 19, "9" * 30,
    "9" * 5000, "1e308", "1e400", "-1e400", "inf", "-Infinity", "nan", "NaN", "null", "true", "[]",
    "{}", '""', '"x"', "٣", "1e", "0x10", "1_000", "", "-9223372036854775808",
)  # fmt: skip
"""In place of a number: beyond all bounds, other types, other digits."""
NAMES: Final = (
    "../../../../etc/passwd", "../../secret.txt", "/etc/hostname", "/dev/zero", "/dev/stdin", "..",
    ".", "", "a" * 300, "a" * 5000, "a\\u0000b", "\\ud800", "%s%n", "a\nb", "&lol;", "*a",
    "&a [*a, *a]", "CON", "\x1b[2J", "!!python/object/apply:os.system ['true']", "~", "{x}",
)  # fmt: skip
"""In place of a name: other places, what other languages would run, what no disk can hold."""
INSERTED: Final = (
    "[" * 3000, "{" * 50, '{"a":' * 3000, "<a>" * 3000, "\x00", "\ufeff", "\r", "\t", ",", ";",
    "'", '"', "\n\n", ",,,,", "<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]>", "&b;",
    "- - - - ", "---\n",
)  # fmt: skip
NUMBER: Final = re.compile(rb"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?")
NAME: Final = re.compile(rb'"[^"\n]*"|(?<==)[^\n]+|[A-Za-z_][\w./-]*')
SEARCHED: Final = 2**20
"""Bytes from the beginning in which numbers and names are looked for."""


def mutated(content: bytes, seed: int) -> bytes:
    """The same with one to three changes."""
    chance = random.Random(seed)
    for _ in range(chance.randint(1, 3)):
        content = chance.choice(CHANGES)(content, chance)
    return content


def with_another_number(content: bytes, chance: random.Random) -> bytes:
    return _replaced(content, NUMBER, chance.choice(NUMBERS), chance)


def with_another_name(content: bytes, chance: random.Random) -> bytes:
    name = chance.choice(NAMES)
    return _replaced(content, NAME, f'"{name}"' if chance.random() < 0.7 else name, chance)


def with_something_between(content: bytes, chance: random.Random) -> bytes:
    place = _place(content, chance)
    return content[:place] + chance.choice(INSERTED).encode() + content[place:]


def with_another_byte(content: bytes, chance: random.Random) -> bytes:
    place = _place(content, chance)
    return content[:place] + bytes([chance.randrange(256)]) + content[place + 1 :]


def without_a_piece(content: bytes, chance: random.Random) -> bytes:
    first, last = _piece(content, chance)
    return content[:first] + content[last:]


def with_a_piece_again(content: bytes, chance: random.Random) -> bytes:
    first, last = _piece(content, chance)
    return content[:last] + content[first:last] * chance.choice((1, 1, 50)) + content[last:]


def cut(content: bytes, chance: random.Random) -> bytes:
    return content[: _place(content, chance)]


CHANGES: Final = (
    *(with_another_number, with_another_number, with_another_number),
    *(with_another_name, with_another_name),
    *(with_something_between, with_another_byte, without_a_piece, with_a_piece_again, cut),
)


def is_read_or_refused(read: Callable[[Path], object], path: Path) -> bool:
    """True if a file is read, False if it is refused in one line; anything else is raised."""
    try:
        read(path)
    except TrackFormerError as error:
        message = shown_in_one_line(str(error))
        assert message.isprintable(), message
        assert 0 < len(message) <= LONGEST, message
        return False
    return True


def _replaced(content: bytes, pattern: re.Pattern[bytes], new: str, chance: random.Random) -> bytes:
    places = list(pattern.finditer(content[:SEARCHED]))
    if not places:
        return content + new.encode()
    place = chance.choice(places)
    return content[: place.start()] + new.encode() + content[place.end() :]


def _piece(content: bytes, chance: random.Random) -> tuple[int, int]:
    first = _place(content, chance)
    return first, min(len(content), first + chance.choice((1, 2, 8, 40, 400)))


def _place(content: bytes, chance: random.Random) -> int:
    """Half of all changes hit the beginning: headers are there."""
    end = len(content) if chance.random() < 0.5 else min(len(content), 2000)
    return chance.randint(0, end)
