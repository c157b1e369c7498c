"""Small honest files, damaged at random: what readers must refuse in one line, or read.

`mutated` follows from its seed alone, so that a failing input can be made again. `scripts/fuzz.py`
runs thousands of them.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path

from trackformer.errors import TrackFormerError

LONGEST_LINE = 1000
"""Characters of a refusal; paths are long."""
WORDS = (
    b"-1", b"0", b"1e400", b"NaN", b"-Infinity", b"null", b"true", b'""', b"[", b"{", b"[]", b"{}",
    b"1" * 30, b"1" * 5000, b"0.5", b"9999999999", b"../../secret.txt", b"/etc/hostname", b"\x00",
    b"\xff\xfe", b"\xef\xbb\xbf", b"\r\n", b"\n\n", b",,,,", b"'", b'"', b"\t", b"&x;", b"<",
)  # fmt: skip
"""What breaks readers: numbers beyond all bounds, other types, other places, other encodings."""
NUMBER = re.compile(rb"-?\d+(?:\.\d+)?")


def mutated(content: bytes, seed: int) -> bytes:
    """The same with one to three changes."""
    chance = random.Random(seed)
    for _ in range(chance.randint(1, 3)):
        content = chance.choice(CHANGES)(content, chance)
    return content


def with_another_number(content: bytes, chance: random.Random) -> bytes:
    places = list(NUMBER.finditer(content[: 2**20]))
    if not places:
        return content
    place = chance.choice(places)
    return content[: place.start()] + chance.choice(WORDS) + content[place.end() :]


def with_a_word(content: bytes, chance: random.Random) -> bytes:
    place = _place(content, chance)
    return content[:place] + chance.choice(WORDS) + content[place:]


def with_another_byte(content: bytes, chance: random.Random) -> bytes:
    place = _place(content, chance)
    return content[:place] + bytes([chance.randrange(256)]) + content[place + 1 :]


def without_a_piece(content: bytes, chance: random.Random) -> bytes:
    first, last = sorted((_place(content, chance), _place(content, chance)))
    return content[:first] + content[min(last, first + 200) :]


def with_a_piece_twice(content: bytes, chance: random.Random) -> bytes:
    first, last = sorted((_place(content, chance), _place(content, chance)))
    piece = content[first : min(last, first + 200)]
    return content[:first] + piece + content[first:]


def cut(content: bytes, chance: random.Random) -> bytes:
    return content[: _place(content, chance)]


CHANGES = (
    with_another_number,
    with_another_number,
    with_a_word,
    with_another_byte,
    without_a_piece,
    with_a_piece_twice,
    cut,
)


def is_read_or_refused(read: Callable[[Path], object], path: Path) -> bool:
    """True if a file is read, False if it is refused in one line; anything else is raised."""
    try:
        read(path)
    except TrackFormerError as error:
        message = str(error)
        assert "\n" not in message.replace("\\n", ""), message
        assert 0 < len(message) <= LONGEST_LINE, message
        return False
    return True


def _place(content: bytes, chance: random.Random) -> int:
    """Half of all changes hit the beginning: headers are there."""
    end = len(content) if chance.random() < 0.5 else min(len(content), 2000)
    return chance.randint(0, end)
