"""Messages of other libraries in one line."""

from __future__ import annotations

from typing import Final

LONGEST: Final = 200


def one_line(error: BaseException) -> str:
    """What an error says, or its name where it says nothing, without line breaks and not long.

    >>> one_line(ValueError("no    such thing"))
    'no such thing'
    """
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
