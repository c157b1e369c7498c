"""Annotations that are not as they should be: refused at the first, or collected to the last.

A reader calls `report` with what is wrong, leaves that box or line out, and reads on. Training
passes `refuse`, which raises; `trackformer data check` passes a list's `append`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

from trackformer.errors import DataError

Mistake: TypeAlias = Literal[
    "malformed",
    "shared-id",
    "no-area",
    "unknown-class",
    "considered-class",
    "beyond-end",
    "missing-image",
    "outside-data",
    "size",
]
"""malformed: a line or entry that cannot be understood; shared-id: one id for two boxes of a frame;
no-area: a box without width or height; unknown-class: a class the data do not have;
considered-class: see `DOUBTS`; beyond-end: a frame after the last; missing-image: no such file, or
one that is no frame; outside-data: an image that lies elsewhere than the data; size: images of
another size than declared."""
DOUBTS: tuple[Mistake, ...] = ("considered-class",)
"""What is read as the format has it, but hardly meant so: MOTChallenge's other classes, considered
as pedestrians are. For `trackformer data check`; nobody else stops at them."""


class MalformedError(DataError):
    """One line, entry, box or file that a reader has to leave out."""

    def __init__(self, mistake: Mistake, where: str, what: str) -> None:
        super().__init__(f"{where}: {what}")
        self.mistake = mistake
        self.where = where
        self.what = what


Report: TypeAlias = Callable[[MalformedError], None]


def refuse(error: MalformedError) -> None:
    """Stop at the first mistake that is no mere doubt.

    Raises:
        MalformedError: Always, but for `DOUBTS`.
    """
    if error.mistake not in DOUBTS:
        raise error


def refuse_but_images(error: MalformedError) -> None:
    """`refuse` for whoever needs no images: those elsewhere than the data are no mistake then."""
    if error.mistake != "outside-data":
        refuse(error)
