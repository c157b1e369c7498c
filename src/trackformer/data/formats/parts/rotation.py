"""Boxes that an annotation tool turned: the upright box around them."""

from __future__ import annotations

import math

from trackformer.data.formats.parts.assembly import Corners


def upright_hull(box_xyxy: Corners, degrees: float) -> Corners:
    """The smallest upright box around a box turned about its centre.

    Args:
        box_xyxy: Before it was turned.
        degrees: Clockwise, as CVAT counts; the hull is the same the other way round.

    >>> upright_hull((50, 100, 150, 140), 90)
    (80.0, 70.0, 120.0, 170.0)
    """
    left, top, right, bottom = box_xyxy
    if degrees % 180 == 0:
        return box_xyxy
    # At right angles sine and cosine would leave dust of 1e-15 pixels behind.
    along = abs(math.cos(math.radians(degrees))) if degrees % 90 else 0.0
    across = abs(math.sin(math.radians(degrees)))
    width, height = right - left, bottom - top
    half_width = (along * width + across * height) / 2
    half_height = (across * width + along * height) / 2
    x, y = (left + right) / 2, (top + bottom) / 2
    return x - half_width, y - half_height, x + half_width, y + half_height
