"""A recording from a later frame on, without decoding what comes before; or not, if unsure.

A frame is known by its place among the times of all packets. That is right only if each packet is
one picture, and none was lost; so the first picture, and the time of the last one before, have to
agree with it. And what is decoded from the middle of a recording is what it would have been only
behind a picture that refers to nothing before itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import av
from av.video.frame import PictureType

EARLIER: Final = (0, 16)
"""Frames before the wanted one: a picture that comes just before a whole one in time, but behind it
in the file, is made of those before; no codec puts it further behind."""
NEARLY_S: Final = 1e-6
"""Times were saved as numbers of seconds."""


@dataclass(frozen=True, slots=True, eq=False)
class Landing:
    """Where decoding goes on."""

    first_s: float
    """When the first picture of the recording is shown, as the container counts."""
    pictures: list[Any]
    """Those decoded already, the wanted one first."""


def land_behind(
    path: Path, container: Any, stream: Any, num_frames: int, last_s: float
) -> Landing | None:
    """Turn a container to the frame behind some others; None: it cannot be told which that is.

    Args:
        path: Of the recording.
        container: It, opened and not yet read; afterwards demuxing goes on behind the landing,
            or anywhere if there is none.
        stream: Of the container.
        num_frames: How many frames are passed over, 1 or more.
        last_s: When the last of them is shown, in seconds from the first one on.
    """
    try:
        times = _packet_times(path, stream.index)
        first = next(_pictures(container, stream))
        if times is None or num_frames >= len(times) or first.pts != times[0]:
            return None
        before_s = float((times[num_frames - 1] - times[0]) * stream.time_base)
        if abs(before_s - last_s) > NEARLY_S:
            return None
        for earlier in EARLIER:
            container.seek(times[max(0, num_frames - earlier)], stream=stream, backward=True)
            pictures = _from(container, stream, times[num_frames])
            if pictures is not None:
                return Landing(float(first.time), pictures)
    except (av.error.FFmpegError, OSError, StopIteration):
        pass
    return None


def _packet_times(path: Path, index: int) -> list[int] | None:
    """When each packet is shown, in order; None where two are the same, or one is not known."""
    with av.open(str(path), metadata_errors="replace") as container:
        packets = (each for each in container.demux(container.streams[index]) if each.size)
        times = [None if each.is_corrupt or each.is_discard else each.pts for each in packets]
    known = sorted(each for each in times if each is not None)
    return known if len(set(known)) == len(times) else None


def _pictures(container: Any, stream: Any) -> Iterator[Any]:
    for packet in container.demux(stream):
        yield from packet.decode()


def _from(container: Any, stream: Any, wanted: int) -> list[Any] | None:
    """The wanted picture, and those that its packet completed behind it."""
    is_whole = False
    for packet in container.demux(stream):
        pictures = packet.decode()
        for place, picture in enumerate(pictures):
            if picture.pts is None or picture.pts > wanted or picture.is_corrupt:
                return None
            is_whole |= bool(picture.key_frame) and picture.pict_type == PictureType.I
            if picture.pts == wanted:
                return pictures[place:] if is_whole else None
    return None
