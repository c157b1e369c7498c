"""Which frames an eight-bit file is calibrated on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from trackformer.errors import DataError
from trackformer.exporting.int8 import Pixels
from trackformer.models.trackformer import TrackFormer
from trackformer.tracking.prepared_frame import prepare
from trackformer.video.sources import open_source

NUM_EXAMPLES: Final = 32


def drawn_examples(
    model: TrackFormer, sources: Sequence[str | Path], seed: int, count: int = NUM_EXAMPLES
) -> list[Pixels]:
    """Some frames of videos, each as likely as any other, as the model wants them.

    Args:
        model: On the processor.
        sources: What `open_source` takes; all their frames are read.
        seed: Of the drawing.
        count: How many, or all that there are.

    Raises:
        DataError: A source cannot be read.
    """
    drawn = _drawn(_frames(sources), count, np.random.default_rng(seed))
    if not drawn:
        raise DataError(f"{', '.join(map(str, sources))}: expected frames to calibrate on")
    return [prepare(model, pixels, model.device).pixels.numpy() for pixels in drawn]


def _frames(sources: Sequence[str | Path]) -> Iterator[Any]:
    for source in sources:
        with open_source(source) as opened:
            yield from (frame.pixels for frame in opened)


def _drawn(frames: Iterable[Any], count: int, random: np.random.Generator) -> list[Any]:
    """Reservoir sampling (Vitter 1985, algorithm R): only `count` frames are in memory at a time.

    >>> sorted(_drawn(range(3), 5, np.random.default_rng(0)))
    [0, 1, 2]
    """
    drawn: list[Any] = []
    for index, frame in enumerate(frames):
        if index < count:
            drawn.append(frame)
            continue
        place = int(random.integers(index + 1))
        if place < count:
            drawn[place] = frame
    return drawn
