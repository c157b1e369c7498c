"""At which size and scale of values a network wants its images (torch-free)."""

from __future__ import annotations

from pydantic import PositiveInt, model_validator

from trackformer.config import Settings


class InputSettings(Settings):
    """How a frame becomes the network's input. The aspect ratio is kept, up to `multiple_of`."""

    shorter_side: PositiveInt | None = None
    """Target height or width, whichever is shorter, in pixels."""
    longest_side: PositiveInt | None = None
    """Upper limit of the other side, with `shorter_side`."""
    area: PositiveInt | None = None
    """Target number of pixels, instead of `shorter_side`."""
    multiple_of: PositiveInt = 1
    """Round both sides to a multiple of this."""
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    """Of RGB in [0, 1], subtracted."""
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    """Of RGB in [0, 1], divided by."""

    @model_validator(mode="after")
    def _one_rule(self) -> InputSettings:
        if (self.shorter_side is None) == (self.area is None):
            raise ValueError("exactly one of shorter_side and area must be set")
        if self.longest_side is not None and self.shorter_side is None:
            raise ValueError("longest_side needs shorter_side")
        return self
