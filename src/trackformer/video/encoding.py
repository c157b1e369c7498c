"""How pictures become a video file that can be played while it grows, and be continued."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any, Final

import av
import cv2
import numpy as np
from av.bitstream import BitStreamFilterContext
from jaxtyping import UInt8

from trackformer.atomic_files import whole_file
from trackformer.errors import DataError
from trackformer.video.frames import SQUARE

MP4_SUFFIXES: Final = (".mp4", ".m4v", ".mov")
_GROWING: Final = {
    # What a player needs comes first and then with every piece: the file is whole at any time.
    "movflags": "+frag_keyframe+empty_moov+default_base_moof",
    "frag_duration": "1000000",  # microseconds
    "flush_packets": "1",
}


@dataclass(frozen=True, slots=True)
class Encoder:
    """One of FFmpeg's, and what it is told."""

    name: str
    options: dict[str, str] = field(default_factory=dict)


_ENCODERS: Final = (
    Encoder("libx264", {"crf": "23", "preset": "veryfast"}),
    Encoder("libopenh264", {"rc_mode": "quality"}),
    Encoder("libvpx-vp9", {"crf": "32", "b": "0", "deadline": "realtime", "cpu-used": "5"}),
    Encoder("libsvtav1", {"crf": "35", "preset": "9"}),
)
"""Best known to browsers first; builds of FFmpeg differ in which they have."""


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One frame of the video to be."""

    pixels: UInt8[np.ndarray, "H W 3"]
    begins_piece: bool
    """What comes before it is to be on disk as soon as it is encoded itself."""


def available_encoder(path: Path) -> Encoder:
    """The first that this build of FFmpeg has.

    Raises:
        DataError: There is none; `path` is for the message.
    """
    for encoder in _ENCODERS:
        if encoder.name in av.codecs_available:
            return encoder
    names = ", ".join(encoder.name for encoder in _ENCODERS)
    raise DataError(f"{path}: cannot write video, PyAV has none of the encoders {names}")


@dataclass(frozen=True, slots=True)
class GrowingVideo:
    """A video file that can be played whenever its program is killed."""

    path: Path
    encoder: Encoder
    frame_rate: Fraction
    num_kept: int
    """Frames that the file has already and that stay; new ones come behind them."""
    pixel_aspect: Fraction = SQUARE
    """Width of a pixel in heights."""

    def encode(self, pictures: Iterator[Picture], on_disk: Callable[[int], None]) -> None:
        """Write the pictures, at least one, and close the file.

        Args:
            pictures: In order. The first one decides the size of a new file; others are scaled
                into it, their proportions kept.
            on_disk: Called with a number of frames that no kill can take from the file any more.
        """
        if self.num_kept:
            self._encode_behind(pictures, on_disk)
            return
        first = next(pictures)
        size = _even(first.pixels.shape[0]), _even(first.pixels.shape[1])
        is_mp4 = self.path.suffix.lower() in MP4_SUFFIXES
        with av.open(str(self.path), "w", options=_GROWING if is_mp4 else {}) as container:
            stream = self._add_stream(container, size)
            num_frames = self._encode_all(container, stream, chain([first], pictures), on_disk)
        on_disk(num_frames)

    def _encode_behind(self, pictures: Iterator[Picture], on_disk: Callable[[int], None]) -> None:
        """Copy what stays, then go on; until it is copied the file is as it was."""
        copy = self.path.with_name(f".{self.path.name}.continued.partial")
        try:
            with av.open(str(copy), "w", format="mp4", options=_GROWING) as container:
                stream = self._copy_kept(container)
                # An open file goes on growing under its new name.
                copy.replace(self.path)
                num_frames = self._encode_all(container, stream, pictures, on_disk)
            on_disk(num_frames)
        finally:
            copy.unlink(missing_ok=True)

    def _copy_kept(self, container: Any) -> Any:
        """The stream to encode into, in which the kept frames are already."""
        with av.open(str(self.path)) as before:
            old = before.streams.video[0]
            stream = self._add_stream(container, (old.height, old.width))
            # Packets in a file and from an encoder begin differently, and one file has one kind.
            is_h264 = old.codec_context.name == "h264"
            as_encoded = BitStreamFilterContext("h264_mp4toannexb" if is_h264 else "null", old)
            num_copied = 0
            for packet in _packets(before, self.frame_rate):
                if packet.pts >= self.num_kept:
                    break
                for same in as_encoded.filter(packet):
                    same.stream = stream
                    container.mux(same)
                    num_copied += 1
        if num_copied < self.num_kept:
            raise DataError(f"expected at least {self.num_kept} frames in it, got {num_copied}")
        return stream

    def _add_stream(self, container: Any, size: tuple[int, int]) -> Any:
        stream = container.add_stream(
            self.encoder.name, rate=self.frame_rate, options=self.encoder.options
        )
        stream.height, stream.width = size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.sample_aspect_ratio = self.pixel_aspect
        # Said aloud, since players guess the colour space of an untagged video by its size.
        stream.codec_context.colorspace = av.video.reformatter.Colorspace.ITU709
        stream.codec_context.color_range = av.video.reformatter.ColorRange.MPEG
        stream.codec_context.color_primaries = av.video.reformatter.ColorPrimaries.BT709
        stream.codec_context.color_trc = av.video.reformatter.ColorTrc.BT709
        return stream

    def _encode_all(
        self,
        container: Any,
        stream: Any,
        pictures: Iterator[Picture],
        on_disk: Callable[[int], None],
    ) -> int:
        """Returns how many frames the file has then."""
        begins: set[int] = set()
        index = self.num_kept - 1
        for index, picture in enumerate(pictures, start=self.num_kept):
            frame = _yuv(picture.pixels, (stream.height, stream.width))
            frame.pts, frame.time_base = index, 1 / self.frame_rate
            if picture.begins_piece:
                frame.pict_type = av.video.frame.PictureType.I
                begins.add(index)
            self._mux(container, stream.encode(frame), begins, on_disk)
        self._mux(container, stream.encode(None), begins, on_disk)
        return index + 1

    def _mux(
        self, container: Any, packets: list[Any], begins: set[int], on_disk: Callable[[int], None]
    ) -> None:
        for packet in packets:
            index = round(packet.pts * packet.time_base * self.frame_rate)
            container.mux(packet)
            # A key frame ends the piece before it, which is thereby written.
            if packet.is_keyframe and index in begins:
                on_disk(index)


def put_index_in_front(path: Path, frame_rate: Fraction) -> None:
    """Make an MP4 that has grown one that browsers can seek in; it stays as it is if that fails."""
    if path.suffix.lower() not in MP4_SUFFIXES or not path.exists():
        return
    # Playable it is already, also where the disk has no room for another copy.
    with suppress(OSError, av.error.FFmpegError, DataError), whole_file(path) as partial:
        _copy_with_index(path, partial, frame_rate)


def _copy_with_index(path: Path, copy: Path, frame_rate: Fraction) -> None:
    options = {"movflags": "+faststart"}
    with (
        av.open(str(path)) as grown,
        av.open(str(copy), "w", format="mp4", options=options) as whole,
    ):
        stream = whole.add_stream_from_template(grown.streams.video[0], opaque=True)
        for packet in _packets(grown, frame_rate):
            packet.stream = stream
            whole.mux(packet)


def _packets(container: Any, frame_rate: Fraction) -> Iterator[Any]:
    """The video's packets, up to where it was cut; times are counted in frames, from 0."""
    start = None
    # A kill leaves half a piece at the end.
    with suppress(av.error.InvalidDataError):
        for packet in container.demux(video=0):
            if packet.size == 0:
                return
            start = packet.pts if start is None else start
            frames = packet.time_base * frame_rate
            packet.pts = round((packet.pts - start) * frames)
            packet.dts = round((packet.dts - start) * frames)
            packet.time_base, packet.duration = 1 / frame_rate, 1
            yield packet


def _yuv(pixels: UInt8[np.ndarray, "H W 3"], size: tuple[int, int]) -> Any:
    fitted = np.ascontiguousarray(fit_into(pixels, size))
    return av.VideoFrame.from_ndarray(fitted, format="rgb24").reformat(
        format="yuv420p",
        dst_colorspace=av.video.reformatter.Colorspace.ITU709,
        dst_color_range=av.video.reformatter.ColorRange.MPEG,
    )


def _even(side: int) -> int:
    return side + side % 2


def fit_into(
    pixels: UInt8[np.ndarray, "H W 3"], size: tuple[int, int]
) -> UInt8[np.ndarray, "_ _ 3"]:
    """`pixels` in a frame of (height, width): as they are, else scaled with black bars.

    One missing row or column, of an odd side, repeats the last one instead.
    """
    height, width = size
    missing_rows, missing_columns = height - pixels.shape[0], width - pixels.shape[1]
    if missing_rows == 0 and missing_columns == 0:
        return pixels
    if missing_rows in (0, 1) and missing_columns in (0, 1):
        return np.pad(pixels, ((0, missing_rows), (0, missing_columns), (0, 0)), mode="edge")
    scale = min(height / pixels.shape[0], width / pixels.shape[1])
    inner_height = max(1, round(pixels.shape[0] * scale))
    inner_width = max(1, round(pixels.shape[1] * scale))
    top, left = (height - inner_height) // 2, (width - inner_width) // 2
    fitted = np.zeros((height, width, 3), dtype=np.uint8)
    fitted[top : top + inner_height, left : left + inner_width] = cv2.resize(
        pixels, (inner_width, inner_height), interpolation=cv2.INTER_AREA
    )
    return fitted
