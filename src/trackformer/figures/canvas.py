"""What all pictures share: their paper, colours and how they become files.

The paper is white and opaque, so that a picture reads the same on a light page and on a dark one.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from PIL import Image

from trackformer.atomic_files import whole_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH: Final = 9.0
"""Inches; text of 10 points is read well where a page shows this as 750 pixels."""
DOTS: Final = 130
"""Per inch."""
PAPER, INK, QUIET, FAINT = "#ffffff", "#1b1f24", "#667080", "#c9ced6"
PEOPLE: Final = (
    "#1a7f37",
    "#0a5fd0",
    "#8a3ffc",
    "#b35900",
    "#00758f",
    "#5b4636",
    "#7a6200",
    "#3b3b98",
)
"""Colours of identities, told apart without red against green."""
QUERY: Final = "#d6266b"
"""Of object queries."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A finished picture."""

    figure: Figure
    says: str
    """What is to be seen, in words with numbers; the page's text for who does not see it."""
    kind: Literal["drawing", "photo"]

    @property
    def suffix(self) -> str:
        """Of its file: flat colours are small as PNG, photographs as JPEG."""
        return ".png" if self.kind == "drawing" else ".jpg"


def new_figure(height: float) -> Figure:
    """An empty picture, `height` inches high."""
    from matplotlib.figure import Figure

    return Figure(figsize=(WIDTH, height), dpi=DOTS, facecolor=PAPER)


def colour_of(track_id: int) -> str:
    """Of an identity, counted from 1."""
    return PEOPLE[(track_id - 1) % len(PEOPLE)]


def save(drawn: Drawn, path: Path) -> None:
    """Write a picture, as small as its kind allows; DataError where the file cannot be written."""
    buffer = io.BytesIO()
    drawn.figure.savefig(buffer, format="png", facecolor=PAPER)
    image = Image.open(buffer).convert("RGB")
    with whole_file(path) as partial:
        if drawn.kind == "drawing":
            # Without dithering: flat colours stay flat.
            image.quantize(96, dither=Image.Dither.NONE).save(partial, "PNG", optimize=True)
        else:
            image.save(partial, "JPEG", quality=84, optimize=True, subsampling=0)


def bare(axes: Axes, size: tuple[float, float] | None = None) -> Axes:
    """Without scales; with a size, an empty image of (width, height), y downwards."""
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_color(FAINT)
    if size is not None:
        axes.set(xlim=(0, size[0]), ylim=(size[1], 0), aspect="equal")
    return axes


def box(axes: Axes, corners: Sequence[float] | np.ndarray, colour: str, **style: Any) -> None:
    """A box (left, top, right, bottom) in the scale of the axes."""
    from matplotlib.patches import Rectangle

    left, top, right, bottom = corners
    look: dict[str, Any] = {"fill": False, "linewidth": 1.8} | style
    axes.add_patch(Rectangle((left, top), right - left, bottom - top, edgecolor=colour, **look))


def tag(axes: Axes, place: tuple[float, float], text: str, colour: str, **style: Any) -> None:
    """A name on a coloured ground, above and to the right of a place."""
    look: dict[str, Any] = {"ha": "left", "va": "bottom", "fontsize": 10} | style
    ground = {"facecolor": colour, "edgecolor": "none", "boxstyle": "square,pad=0.15"}
    axes.text(*place, text, color="white", fontweight="bold", bbox=ground, **look)
