"""What a shape of CVAT's says: a box, perhaps turned, a polygon or a mask."""

from __future__ import annotations

import re
from dataclasses import dataclass
from xml.etree import ElementTree

import numpy as np

from trackformer.data.formats.limits.numbers import MAX_PIXELS, finite, whole
from trackformer.data.formats.parts.assembly import Corners
from trackformer.data.formats.parts.rotation import upright_hull
from trackformer.data.masks import Polygons, Segmentation, encode_mask

SHAPES = ("box", "polygon", "mask")
BOX_SIDES = ("xtl", "ytl", "xbr", "ybr")


@dataclass(frozen=True, slots=True)
class Shape:
    """One shape as it stands in the file."""

    box_xyxy: Corners
    """Before it is turned."""
    rotation: float = 0.0
    """Degrees clockwise about the centre."""
    outline: Segmentation | None = None

    @property
    def hull(self) -> Corners:
        """The upright box around it."""
        return upright_hull(self.box_xyxy, self.rotation)


def read_shape(shape: ElementTree.Element, image_size: tuple[int, int] | None) -> Shape:
    """Read a shape of one of the `SHAPES`.

    Args:
        shape: The element.
        image_size: (height, width), for masks; None: unknown, so that they are boxes only.

    Raises:
        ValueError: A number is missing or malformed.
    """
    if shape.tag == "box":
        left, top, right, bottom = (finite(shape.get(side), side) for side in BOX_SIDES)
        return Shape((left, top, right, bottom), finite(shape.get("rotation", 0), "a rotation"))
    if shape.tag == "mask":
        return _mask(shape, image_size)
    numbers = tuple(finite(text, "a corner") for text in _split(shape.get("points", "")))
    xs, ys = numbers[::2], numbers[1::2]
    if len(xs) != len(ys):
        raise ValueError(f"expected pairs of numbers in points, got {len(numbers)} numbers")
    return Shape((min(xs), min(ys), max(xs), max(ys)), outline=Polygons((numbers,)))


def between(before: Shape, after: Shape, share: float) -> Shape:
    """The shape on the way between two, which CVAT moves and turns evenly, the shorter way round.

    Args:
        before: At 0.
        after: At 1.
        share: Of the way.
    """
    left, top, right, bottom = (
        (1 - share) * start + share * end
        for start, end in zip(before.box_xyxy, after.box_xyxy, strict=True)
    )
    turn = (after.rotation - before.rotation + 180) % 360 - 180
    return Shape((left, top, right, bottom), before.rotation + share * turn)


def _mask(shape: ElementTree.Element, image_size: tuple[int, int] | None) -> Shape:
    """Runs of background and object by turns, row by row, in a box of whole pixels."""
    left, top, width, height = (
        whole(shape.get(name), name, 0, MAX_PIXELS) for name in ("left", "top", "width", "height")
    )
    counts = [whole(text, "a run", 0, MAX_PIXELS) for text in _split(shape.get("rle", ""))]
    if width * height > MAX_PIXELS or sum(counts) != width * height:
        raise ValueError(f"expected runs of {width * height} pixels, got {sum(counts)}")
    box = (left, top, left + width, top + height)
    if image_size is None or box[3] > image_size[0] or box[2] > image_size[1]:
        return Shape(box)
    mask = np.zeros(image_size, dtype=bool)
    pixels = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
    mask[top : top + height, left : left + width] = pixels.reshape(height, width)
    return Shape(box, outline=encode_mask(mask))


def _split(text: str) -> list[str]:
    return re.split("[,;]", text)
