"""How a video file or a network stream becomes frames, also when it is cut off or damaged."""

from __future__ import annotations

import sys
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from jaxtyping import UInt8

from trackformer.errors import DataError
from trackformer.video.addresses import without_credentials
from trackformer.video.frames import ASSUMED_FRAME_RATE, Frame, FrameSource
from trackformer.video.seeking import land_behind
from trackformer.video.timing import Timing, believable_rate, probe

OPENING_S: Final = 15.0
"""So long a stream may take until it shows something."""
SILENCE_S: Final = 10.0
"""A stream that is silent for this long counts as dropped."""
CLEARLY_FEWER: Final = 0.95
"""Below this share of the declared frames or seconds a video without an error counts as cut off."""
_TEXT_FORMATS: Final = ("tty", "bin", "xbin", "adf", "idf")
"""Demuxers that render any text file as a picture."""


def open_video(path: Path) -> FrameSource:
    """A video file.

    Raises:
        DataError: The file is no video, or holds none that can be decoded.
    """
    return _open(str(path), str(path), limits_s=None, options={})


def open_standard_input() -> FrameSource:
    """A video that another program writes; it can be read only once.

    Raises:
        DataError: It is no video, one that can only be read from its end (some `.mp4`), or nothing
            but a keyboard.
    """
    if sys.stdin.isatty():
        raise DataError("standard input: expected a video from another program, got a terminal")
    return _open("pipe:0", "standard input", limits_s=None, options={})


def open_stream(url: str, opening_s: float | None = None) -> FrameSource:
    """A network camera or a video on a server.

    Args:
        url: Its address.
        opening_s: So many seconds it may take until it shows something; None: as many as usual.

    Raises:
        DataError: The address does not answer in time, or with something that is no video.
    """
    # Over UDP, the default, a lost datagram is a damaged picture.
    options = {"rtsp_transport": "tcp"} if url.lower().startswith("rtsp") else {}
    return _open(
        url, without_credentials(url), limits_s=(opening_s or OPENING_S, SILENCE_S), options=options
    )


def _open(
    location: str, name: str, limits_s: tuple[float, float] | None, options: dict[str, str]
) -> FrameSource:
    start = time.monotonic()
    try:
        # Broken metadata must not keep anybody from the pictures.
        container = av.open(location, options=options, timeout=limits_s, metadata_errors="replace")
    except (av.error.FFmpegError, OSError) as error:
        if limits_s is not None and time.monotonic() - start >= limits_s[0]:
            # Some protocols call it invalid data when they are interrupted.
            raise DataError(f"{name}: showed no video for {limits_s[0]:g} s") from error
        raise DataError(f"{name}: cannot be opened as a video: {error.strerror}") from error
    try:
        timing = probe(Path(location)) if limits_s is None else None
        video = _OpenVideo(container, _video_stream(container, name), name, timing)
    except DataError:
        container.close()
        raise
    reading = _Reading(video, Path(location))
    # Threads over frames stay off: they swallow the last whole frames before a cut.
    video.stream.thread_type = "SLICE"
    return FrameSource(
        name=name,
        frame_rate=video.frame_rate(),
        num_frames=video.num_frames(),
        frames=_read_frames(reading, is_stream=limits_s is not None),
        release=reading.close,
        remarks=video.remarks(),
        pixel_aspect=Fraction(1) if timing is None else timing.pixel_aspect,
        pass_over=None if timing is None else reading.pass_over,
    )


def _video_stream(container: Any, name: str) -> Any:
    if container.format.name in _TEXT_FORMATS:
        raise DataError(f"{name}: expected a video, got a text file")
    # The cover picture of a song is a video stream, too.
    streams = [
        stream
        for stream in container.streams.video
        if not stream.disposition & av.stream.Disposition.attached_pic
    ]
    if not streams:
        raise DataError(f"{name}: expected a video, got {container.format.long_name} without one")
    if streams[0].codec_context is None:
        raise DataError(f"{name}: the video's codec is unknown to this build of FFmpeg")
    return streams[0]


@dataclass(frozen=True, slots=True, eq=False)
class _OpenVideo:
    """A container, the stream in it that we read, and what it declares."""

    container: Any
    stream: Any
    name: str
    timing: Timing | None
    """By its packets; None of a stream."""

    def frame_rate(self) -> float:
        rate = self.stream.average_rate or self.stream.guessed_rate
        return believable_rate(float(rate) if rate else ASSUMED_FRAME_RATE, self.timing)

    def remarks(self) -> tuple[str, ...]:
        """What a written copy of this video does not keep."""
        timing = self.timing
        if timing is None or timing.is_even:
            return ()
        return (
            f"its pictures come {timing.shortest_s:.3g} to {timing.longest_s:.3g} s apart: a "
            f"written video shows them evenly, {self.frame_rate():.4g} a second; their own times "
            "stand in the .jsonl file",
        )

    def num_frames(self) -> int | None:
        if self.stream.frames > 0:
            return int(self.stream.frames)
        duration_s = self.duration_s()
        return None if duration_s is None else round(duration_s * self.frame_rate())

    def duration_s(self) -> float | None:
        """How long the pictures last; the container's own length may be that of the sound."""
        if self.stream.duration:
            return float(self.stream.duration * self.stream.time_base)
        if self.container.duration and len(self.container.streams) == 1:
            return float(self.container.duration / av.time_base)
        return None


@dataclass(slots=True)
class _Progress:
    """What has been read so far, and what went wrong meanwhile."""

    num_read: int = 0
    num_undecodable: int = 0
    num_corrupt: int = 0
    first_s: float | None = None
    end_s: float = 0.0
    """When the last frame ends, from the first frame on."""
    broken_off: str = ""
    """Why nothing more could be read; empty at a regular end."""


@dataclass(slots=True)
class _Reading:
    """Where reading starts."""

    video: _OpenVideo
    path: Path
    progress: _Progress = field(default_factory=_Progress)
    landed: list[Any] = field(default_factory=list)
    """Pictures that were decoded already."""

    def pass_over(self, num_frames: int, last_s: float) -> bool:
        """Begin behind so many frames, if it is sure which one that is; else where it began."""
        stream = self.video.stream
        landing = land_behind(self.path, self.video.container, stream, num_frames, last_s)
        if landing is None:
            # Before closing: a closed container's streams answer out of memory that is freed.
            index, thread_type = stream.index, stream.thread_type
            self.close()
            container = av.open(str(self.path), metadata_errors="replace")
            again = container.streams[index]
            again.thread_type = thread_type
            self.video = replace(self.video, container=container, stream=again)
            return False
        self.landed = landing.pictures
        self.progress = _Progress(num_read=num_frames, first_s=landing.first_s)
        return True

    def pictures(self) -> Iterator[Any]:
        """All that follow."""
        yield from self.landed
        for packet in _packets(self.video, self.progress):
            yield from _decode(packet, self.progress)

    def close(self) -> None:
        self.video.container.close()


def _read_frames(reading: _Reading, is_stream: bool) -> Generator[Frame, None, None]:  # noqa: FBT001 - private
    # Only now: whoever iterates may have passed over some.
    video, progress = reading.video, reading.progress
    for picture in reading.pictures():
        time_s = _advance(progress, picture, 1 / video.frame_rate())
        yield Frame(_upright_pixels(picture), progress.num_read, time_s)
        progress.num_read += 1
    problem = _stream_problem(video, progress) if is_stream else _file_problem(video, progress)
    if problem:
        raise DataError(f"{video.name}: {problem}")


def _packets(video: _OpenVideo, progress: _Progress) -> Iterator[Any]:
    try:
        for packet in video.container.demux(video.stream):
            progress.num_corrupt += packet.is_corrupt
            yield packet
    except av.error.ExitError:
        progress.broken_off = f"silent for {SILENCE_S:g} s"
    except (av.error.FFmpegError, OSError) as error:
        progress.broken_off = error.strerror or type(error).__name__


def _decode(packet: Any, progress: _Progress) -> list[Any]:
    """The pictures a packet completes; a damaged packet costs its own pictures, not the rest."""
    try:
        return list(packet.decode())
    except av.error.FFmpegError:
        # Until the first picture packets may refer to pictures from before the recording.
        progress.num_undecodable += progress.num_read > 0
        return []


def _advance(progress: _Progress, picture: Any, frame_s: float) -> float | None:
    """Note when this picture is shown; returns seconds since the first one."""
    if picture.time is None:
        progress.end_s += frame_s
        return None
    if progress.first_s is None:
        progress.first_s = picture.time
    time_s = float(picture.time - progress.first_s)
    shown_s = float(picture.duration * picture.time_base) if picture.duration else frame_s
    progress.end_s = max(progress.end_s, time_s + shown_s)
    return time_s


def _upright_pixels(picture: Any) -> UInt8[np.ndarray, "H W 3"]:
    """RGB, turned as the recording phone asks for (degrees counter-clockwise)."""
    pixels: np.ndarray = picture.to_ndarray(format="rgb24")
    quarter_turns = round(picture.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(pixels, quarter_turns)) if quarter_turns else pixels


def _stream_problem(video: _OpenVideo, progress: _Progress) -> str:
    if progress.broken_off:
        return f"stream dropped after {progress.num_read} frames: {progress.broken_off}"
    # A live stream has no regular end: its server or the network is gone.
    if video.num_frames() is None and not video.name.lower().startswith("http"):
        return f"stream ended after {progress.num_read} frames"
    return _file_problem(video, progress)


def _file_problem(video: _OpenVideo, progress: _Progress) -> str:
    expected, num_read = video.num_frames(), progress.num_read
    if num_read == 0:
        return f"no frame could be decoded, expected {expected or 'at least 1'}"
    if not (progress.broken_off or _has_lost_frames(video, progress)):
        return ""
    of_expected = f"of {expected} " if expected is not None else ""
    undecodable = f"{progress.num_undecodable} undecodable packets"
    reason = progress.broken_off or (undecodable if progress.num_undecodable else "it ends early")
    return f"cut off or damaged: {num_read} {of_expected}frames read ({reason})"


def _has_lost_frames(video: _OpenVideo, progress: _Progress) -> bool:
    """Whether fewer frames came than declared, and not by a quirk of the container.

    The count alone proves nothing: edit lists hide frames, interlaced video counts fields.
    """
    expected, duration_s = video.num_frames(), video.duration_s()
    if progress.num_undecodable and (expected is None or progress.num_read < expected):
        return True
    if expected is None or progress.num_read >= CLEARLY_FEWER * expected:
        return False
    ends_early = duration_s is not None and progress.end_s < CLEARLY_FEWER * duration_s
    return ends_early or progress.num_corrupt > 0
