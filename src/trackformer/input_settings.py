"""At which size and scale of values a network wants its images (torch-free)."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field, FiniteFloat, model_validator

from trackformer.config import Settings

LARGEST_SIDE: Final = 8192
LARGEST_AREA: Final = 2**26
"""Pixels; beyond it, one picture's floats alone take a gigabyte."""

Side = Annotated[int, Field(ge=1, le=LARGEST_SIDE)]
Spread = Annotated[FiniteFloat, Field(gt=0)]


class InputSettings(Settings):
    """How a frame becomes the network's input.

    One rule gives its size: `shorter_side`, `area`, `max_height` with `max_width`, or `height` with
    `width`; all but the last keep the aspect ratio, up to `multiple_of`.
    """

    shorter_side: Side | None = None
    """Target height or width, whichever is shorter, in pixels."""
    longest_side: Side | None = None
    """Upper limit of the other side, with `shorter_side`."""
    area: Annotated[int, Field(ge=1, le=LARGEST_AREA)] | None = None
    """Target number of pixels, instead of `shorter_side`."""
    max_height: Side | None = None
    """The largest size that fits into this height and `max_width`."""
    max_width: Side | None = None
    """With `max_height`."""
    height: Side | None = None
    """Exactly this height and `width`, whatever the frame's aspect ratio."""
    width: Side | None = None
    """With `height`."""
    padded_height: Side | None = None
    """After resizing, padding below makes every frame this high. The network's boxes are shares of
    the padded picture then, as transformers trains it."""
    padded_width: Side | None = None
    """With `padded_height`."""
    multiple_of: Annotated[int, Field(ge=1, le=1024)] = 1
    """Round both sides to a multiple of this."""
    rounding: Literal["published", "transformers"] = "published"
    """Of the other side where `longest_side` binds: from the rounded shorter side as in the
    published DETR, or from the unrounded one as in transformers."""
    resampling: Literal["area", "bilinear", "bicubic"] = "area"
    """area: means when shrinking, bilinear when growing; the others as in transformers, with
    smoothing when shrinking."""
    mean: tuple[FiniteFloat, FiniteFloat, FiniteFloat] = (0.485, 0.456, 0.406)
    """Of RGB in [0, 1], subtracted."""
    std: tuple[Spread, Spread, Spread] = (0.229, 0.224, 0.225)
    """Of RGB in [0, 1], divided by."""

    @model_validator(mode="after")
    def _one_rule(self) -> InputSettings:
        pairs = (
            ("max_height", "max_width"),
            ("height", "width"),
            ("padded_height", "padded_width"),
        )
        for one, other in pairs:
            if (getattr(self, one) is None) != (getattr(self, other) is None):
                raise ValueError(f"{one} and {other} must be set together")
        rules = (self.shorter_side, self.area, self.max_height, self.height)
        if sum(rule is not None for rule in rules) != 1:
            raise ValueError("exactly one of shorter_side, area, max_height and height must be set")
        if self.longest_side is not None and self.shorter_side is None:
            raise ValueError("longest_side needs shorter_side")
        return self

    @property
    def canvas(self) -> tuple[int, int] | None:
        """(height, width) with padding, where that is the same for every frame."""
        if self.padded_height is None or self.padded_width is None:
            return None
        return self.padded_height, self.padded_width
