"""When the pictures of a video file are shown, and how wide their pixels are, by its own packets.

Headers lie: recordings of browsers declare 1000 frames per second, phones an even rate they do not
keep.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import numpy as np

PROBED_PACKETS: Final = 300
MIN_PACKETS: Final = 3
CLEARLY_ANOTHER: Final = 1.25
"""A declared rate that differs by this factor from the packets' times is not believed."""
MAX_RATE: Final = 500.0
"""Frames per second."""
UNEVEN: Final = 0.25
"""A step between pictures that differs by this share from the usual one is another step."""
UNEVEN_SHARE: Final = 0.05


@dataclass(frozen=True, slots=True)
class Timing:
    """What the first packets of a video say."""

    frame_rate: float | None
    """Frames per second; None where packets have no times."""
    shortest_s: float
    """Between two pictures."""
    longest_s: float
    is_even: bool
    """Whether nearly all pictures follow each other at the same distance."""
    pixel_aspect: Fraction
    """Width of a pixel in heights, as it is shown when the picture is upright."""


def probe(path: Path) -> Timing | None:
    """Look at the first packets of a file, without decoding; None where that says nothing."""
    # Opened again: not every file can be wound back. A pipe cannot be opened twice at all.
    if not path.is_file():
        return None
    try:
        with av.open(str(path), metadata_errors="replace") as container:
            aspect = _pixel_aspect(container)
        with av.open(str(path), metadata_errors="replace") as container:
            times = _times(container)
    except (av.error.FFmpegError, OSError, ValueError):
        return None
    if len(times) < MIN_PACKETS:
        return None
    steps = np.diff(times)
    steps = steps[steps > 0]
    if not len(steps):
        return None
    usual = float(np.median(steps))
    is_odd = np.abs(steps - usual) > UNEVEN * usual
    return Timing(
        frame_rate=len(steps) / float(times[-1] - times[0]),
        shortest_s=float(steps.min()),
        longest_s=float(steps.max()),
        is_even=bool(is_odd.mean() <= UNEVEN_SHARE),
        pixel_aspect=aspect,
    )


def believable_rate(declared: float, timing: Timing | None) -> float:
    """The declared frames per second, unless the packets clearly say another number."""
    if timing is None or timing.frame_rate is None:
        return declared
    factor = max(declared / timing.frame_rate, timing.frame_rate / declared)
    # An uneven beginning does not tell how the rest goes on; what no display shows is wrong anyway.
    is_wrong = factor > CLEARLY_ANOTHER and (timing.is_even or declared > MAX_RATE)
    return timing.frame_rate if is_wrong else declared


def _pixel_aspect(container: Any) -> Fraction:
    """By the stream, turned as its first picture is."""
    stream = next(iter(container.streams.video), None)
    aspect = Fraction((stream is not None and stream.sample_aspect_ratio) or 1)
    if aspect == 1:
        return aspect
    first = next(container.decode(stream), None)
    is_on_its_side = first is not None and round(first.rotation / 90) % 2 == 1
    return 1 / aspect if is_on_its_side else aspect


def _times(container: Any) -> list[float]:
    """Seconds of the first pictures, in order of showing."""
    streams = [
        stream
        for stream in container.streams.video
        if not stream.disposition & av.stream.Disposition.attached_pic
    ]
    if not streams:
        return []
    times: list[float] = []
    for packet in container.demux(streams[0]):
        if packet.pts is not None:
            times.append(float(packet.pts * packet.time_base))
        if len(times) >= PROBED_PACKETS:
            break
    # Of pictures that are stored out of order the last few may still lack those between.
    ordered = sorted(times)
    return (
        ordered[: max(MIN_PACKETS, len(ordered) - 8)] if len(times) >= PROBED_PACKETS else ordered
    )
