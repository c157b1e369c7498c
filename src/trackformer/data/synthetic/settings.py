"""What can be set about synthetic scenes (torch-free)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, field_validator

from trackformer.config import Settings
from trackformer.data.synthetic.skills import Skill

ClassName = Literal["person", "vehicle", "shape"]
SMALLEST_SIDE: Final = 32


class SyntheticSettings(Settings):
    """Scenes drawn on the spot; the same settings give the same pixels and boxes."""

    skill: Skill = "mixed"
    """What makes the scenes hard: docs/synthetic.md."""
    difficulty: Annotated[int, Field(ge=1, le=5)] = 3
    """From 1, easy, to 5."""
    sequences: PositiveInt = 20
    """Number of sequences; each is made when it is asked for, so thousands cost nothing."""
    frames: PositiveInt = 60
    """Frames of each sequence."""
    size: tuple[int, int] = (384, 640)
    """(height, width) of the images; as text, WIDTHxHEIGHT: 640x384."""
    frame_rate: PositiveFloat = 15.0
    """Frames per second that the files state; people walk at a usual pace at 15."""
    seed: NonNegativeInt = 0
    """Of everything drawn at random."""
    backgrounds: Path | None = None
    """A folder of photographs to put behind the scenes; absent: streets and walls made up."""
    class_names: tuple[ClassName, ...] = ("person",)
    """Classes to annotate; things of other classes are in the image, but are no objects. As text,
    with commas: person,vehicle,shape."""
    masks: bool = False
    """Also give the outline of what can be seen of each object."""

    @field_validator("size", mode="before")
    @classmethod
    def _size_from_text(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        width, _, height = value.lower().partition("x")
        if not (width.isdecimal() and height.isdecimal()):
            raise ValueError("expected WIDTHxHEIGHT, such as 640x384")
        return int(height), int(width)

    @field_validator("size")
    @classmethod
    def _large_enough(cls, value: tuple[int, int]) -> tuple[int, int]:
        if min(value) < SMALLEST_SIDE:
            raise ValueError(f"expected sides of at least {SMALLEST_SIDE} pixels")
        return value

    @field_validator("class_names", mode="before")
    @classmethod
    def _names_from_text(cls, value: Any) -> Any:
        return tuple(value.split(",")) if isinstance(value, str) else value

    @field_validator("class_names")
    @classmethod
    def _some_classes_once(cls, value: tuple[ClassName, ...]) -> tuple[ClassName, ...]:
        if not value or len(set(value)) < len(value):
            raise ValueError("expected one class or more, each once")
        return value
