"""What clients and the service say to each other, as JSON; the API's own description shows it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, NonNegativeInt

from trackformer.serving.session import Session
from trackformer.serving.session_files import WhenFull

LARGEST_NUMBER = 2**53
"""Of frames: beyond, JSON's readers differ."""


class SessionWanted(BaseModel):
    """How a new session shall be."""

    model_config = ConfigDict(extra="forbid")

    when_full: WhenFull = Field(
        "refuse",
        description="Where too many frames wait: refuse: the new one is answered 429; newest: it "
        "takes the place of the oldest, which is answered 409",
    )
    settings: dict[str, Any] = Field(
        {}, description="Tracker settings that differ from the model's own"
    )


class SessionSaid(BaseModel):
    """A session as it is now."""

    session: str = Field(description="Its name: whoever knows it may use it")
    when_full: WhenFull
    next_frame: int = Field(description="The first number that no frame has had")
    last: FrameSaid | None = Field(description="The last answer; null before the first frame")


class ObjectSaid(BaseModel):
    """A tracked object."""

    track_id: int = Field(description="Positive, never re-used within a session")
    box_xyxy: tuple[float, float, float, float] = Field(
        description="Left, top, right, bottom in pixels of the picture, from 0"
    )
    score: float = Field(description="In [0, 1]")
    label: str = Field(description="Name of the class")
    mask: dict[str, Any] | None = Field(
        None, description="COCO's compressed run lengths; only of models with masks"
    )


class FrameSaid(BaseModel):
    """What a frame shows."""

    frame: int = Field(description="The number that the client gave")
    frame_index: int = Field(description="Tracked frames of the session before this one")
    time_s: float | None
    objects: list[ObjectSaid]


class Refused(BaseModel):
    """Why something was not done."""

    detail: str


class NextPicture(BaseModel):
    """What a client may say of the picture that it sends next, over a WebSocket."""

    model_config = ConfigDict(extra="forbid")

    frame: NonNegativeInt | None = Field(None, le=LARGEST_NUMBER)
    time_s: FiniteFloat | None = None


def said_of(session: Session) -> SessionSaid:
    """A session in words."""
    last = session.last
    return SessionSaid(
        session=session.name,
        when_full=session.when_full,
        next_frame=session.next_number,
        last=None if last is None else FrameSaid.model_validate_json(last.answer),
    )
