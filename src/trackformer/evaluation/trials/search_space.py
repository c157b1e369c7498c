"""Which tracker settings can be searched, and over which values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from trackformer.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Grid:
    """Evenly spaced values, such as one would also type."""

    lowest: float
    highest: float
    step: float
    stride: int = 1
    """Steps to a neighbour that may make a difference."""
    is_whole: bool = False

    def nearest(self, value: float | int) -> float | int:
        """The grid's value next to `value`."""
        inside = min(max(value, self.lowest), self.highest)
        steps = round((inside - self.lowest) / self.step)
        # Without the last digits of binary fractions: 0.35, not 0.35000000000000003.
        nearest = round(self.lowest + steps * self.step, 4)
        return int(nearest) if self.is_whole else nearest


RANGES: Final[Mapping[str, Grid]] = {
    "birth_score": Grid(0.2, 0.9, 0.05),
    "keep_score": Grid(0.1, 0.8, 0.05),
    "reid_score": Grid(0.1, 0.9, 0.05),
    "patience": Grid(0.0, 30.0, 1.0, stride=4, is_whole=True),
    "track_nms_iou": Grid(0.4, 0.95, 0.05),
    "birth_nms_iou": Grid(0.4, 0.95, 0.05),
    "motion": Grid(0.0, 1.0, 0.1),
    "motion_smoothing": Grid(0.0, 0.9, 0.1),
    "lost_motion": Grid(0.0, 1.0, 0.1),
}
"""What can be searched, and where."""
SEARCHED: Final = tuple(RANGES)[:6]
"""What is searched if nothing is named."""
NUM_NEIGHBOURS: Final = 2
"""Values tried on each side of the best one to see how much a setting matters."""


def check_names(names: Sequence[str]) -> None:
    """Refuse what cannot be searched.

    Raises:
        ConfigError: A name is not in `RANGES`, or there is none.
    """
    unknown = [name for name in names if name not in RANGES]
    if unknown or not names:
        got = repr(unknown[0]) if unknown else "none"
        raise ConfigError(f"settings to search: expected some of {', '.join(RANGES)}; got {got}")


def suggested(trial: Any, name: str) -> float | int:
    """What an Optuna trial proposes."""
    grid = RANGES[name]
    return grid.nearest(trial.suggest_float(name, grid.lowest, grid.highest, step=grid.step))


def on_grid(name: str, value: float | int | None) -> float | int:
    """A stored value as the search can express it; a threshold switched off is the highest."""
    grid = RANGES[name]
    return grid.highest if value is None else grid.nearest(value)


def neighbours(values: Mapping[str, float | int]) -> list[Mapping[str, float | int]]:
    """The same values with one of them moved, for every setting and both directions."""
    moved: list[Mapping[str, float | int]] = []
    for name, value in values.items():
        grid = RANGES[name]
        for count in range(-NUM_NEIGHBOURS, NUM_NEIGHBOURS + 1):
            other = value + count * grid.stride * grid.step
            if count != 0 and grid.lowest - 1e-9 <= other <= grid.highest + 1e-9:
                moved.append(dict(values) | {name: grid.nearest(other)})
    return moved
