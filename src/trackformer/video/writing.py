"""How frames become a video file that every browser plays."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Final

import av
import cv2
import numpy as np
from jaxtyping import UInt8

from trackformer.errors import DataError

Drawing = Callable[[], UInt8[np.ndarray, "H W 3"]]
"""Makes a frame when its turn comes."""
QUEUE_LENGTH: Final = 8
"""Frames that may wait for the encoder: bounds memory, evens out the tracker's pace."""


@dataclass(frozen=True, slots=True)
class _Encoder:
    name: str
    options: dict[str, str] = field(default_factory=dict)


_ENCODERS: Final = (
    _Encoder("libx264", {"crf": "23", "preset": "veryfast"}),
    _Encoder("libopenh264", {"rc_mode": "quality"}),
    _Encoder("libvpx-vp9", {"crf": "32", "b": "0", "deadline": "realtime", "cpu-used": "5"}),
    _Encoder("libsvtav1", {"crf": "35", "preset": "9"}),
)
"""Best known to browsers first; builds of FFmpeg differ in which they have."""


class VideoWriter:
    """Writes RGB frames to a video file, in a `with` statement.

    The file appears under its name when the statement ends, complete. Also after an exception or
    Ctrl-C: then it is a playable video of the frames so far. Without any frame there is no file.
    """

    def __init__(self, path: Path | str, frame_rate: float | int) -> None:
        """Prepare to write.

        Raises:
            DataError: The folder cannot be written to, the frame rate is not positive, or PyAV
                has no encoder that browsers understand.
        """
        self._path = Path(path)
        if not 0 < frame_rate < float("inf"):
            raise DataError(f"{path}: expected a positive frame rate, got {frame_rate}")
        # A sibling: only within a file system does the final renaming happen at once.
        self._partial_path = self._path.with_name(
            f".{self._path.stem}.{os.getpid()}.partial{self._path.suffix}"
        )
        self._encoder = _available_encoder(self._path)
        self._frame_rate = Fraction(frame_rate).limit_denominator(1001)
        self._failure: BaseException | None = None
        self._waiting: queue.Queue[Drawing | None] = queue.Queue(QUEUE_LENGTH)
        self._thread = threading.Thread(target=self._encode_all, name="encoder", daemon=True)
        _check_writable(self._path, self._partial_path)

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self.close()
        except DataError as error:
            # What stopped the caller matters more than the fate of the video.
            if exception is None:
                raise
            if str(error) != str(exception):
                exception.add_note(str(error))

    def write(self, pixels: UInt8[np.ndarray, "H W 3"]) -> None:
        """Append a frame; the array may be changed afterwards.

        The first frame decides the size (one pixel is added to an odd side); others are scaled
        into it, their proportions kept.

        Raises:
            DataError: An earlier frame could not be encoded or written.
        """
        copied = pixels.copy()
        self.write_drawing(lambda: copied)

    def write_drawing(self, draw: Drawing) -> None:
        """Append the frame that `draw` will return: it is called in the encoder's thread.

        Frames keep the order of the calls. What `draw` reads must not be changed afterwards; should
        it fail, that is reported like a failure to encode.

        Raises:
            DataError: An earlier frame could not be drawn, encoded or written.
        """
        self._raise_failure()
        if self._thread.ident is None:
            self._thread.start()
        if not self._thread.is_alive():
            raise DataError(f"{self._path}: cannot be written: the video is already finished")
        self._waiting.put(draw)

    def close(self) -> None:
        """Finish the file and give it its name; does nothing the second time.

        Raises:
            DataError: The video could not be encoded or written; the unfinished file is removed.
        """
        if self._thread.is_alive():
            self._waiting.put(None)
            self._thread.join()
        try:
            self._raise_failure()
            if self._partial_path.exists():
                self._partial_path.replace(self._path)
        except OSError as error:
            raise DataError(f"{self._path}: cannot be written: {error.strerror}") from error
        finally:
            self._partial_path.unlink(missing_ok=True)

    def _raise_failure(self) -> None:
        if self._failure is not None:
            reason = getattr(self._failure, "strerror", None) or str(self._failure)
            raise DataError(f"{self._path}: cannot be written: {reason}") from self._failure

    def _encode_all(self) -> None:
        """Runs in the thread: draw and encode what is queued until None comes."""
        drawings = iter(self._waiting.get, None)
        try:
            pictures = (draw() for draw in drawings)
            _encode(pictures, self._partial_path, self._encoder, self._frame_rate)
        except Exception as error:
            # Whatever it is, the caller must hear of it - who may be waiting for room in the queue.
            self._failure = error
            for _ in drawings:
                pass


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


def _encode(
    pictures: Iterator[UInt8[np.ndarray, "_ _ 3"]],
    path: Path,
    encoder: _Encoder,
    frame_rate: Fraction,
) -> None:
    first = next(pictures)
    size = (first.shape[0] + first.shape[0] % 2, first.shape[1] + first.shape[1] % 2)
    # The index in front of the pictures: a browser starts to play before it has the whole file.
    options = {"movflags": "+faststart"} if path.suffix.lower() in (".mp4", ".m4v", ".mov") else {}
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream(encoder.name, rate=frame_rate, options=encoder.options)
        stream.height, stream.width = size
        stream.pix_fmt = "yuv420p"
        # Said aloud, since players guess the colour space of an untagged video by its size.
        stream.codec_context.colorspace = av.video.reformatter.Colorspace.ITU709
        stream.codec_context.color_range = av.video.reformatter.ColorRange.MPEG
        stream.codec_context.color_primaries = av.video.reformatter.ColorPrimaries.BT709
        stream.codec_context.color_trc = av.video.reformatter.ColorTrc.BT709
        for pixels in chain([first], pictures):
            fitted = np.ascontiguousarray(fit_into(pixels, size))
            converted = av.VideoFrame.from_ndarray(fitted, format="rgb24").reformat(
                format="yuv420p",
                dst_colorspace=av.video.reformatter.Colorspace.ITU709,
                dst_color_range=av.video.reformatter.ColorRange.MPEG,
            )
            container.mux(stream.encode(converted))
        container.mux(stream.encode(None))


def _available_encoder(path: Path) -> _Encoder:
    for encoder in _ENCODERS:
        if encoder.name in av.codecs_available:
            return encoder
    names = ", ".join(encoder.name for encoder in _ENCODERS)
    raise DataError(f"{path}: cannot write video, PyAV has none of the encoders {names}")


def _check_writable(path: Path, partial_path: Path) -> None:
    """Fail before hours of tracking, not after."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial_path.touch()
        partial_path.unlink()
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {error.strerror}") from error
    if path.is_dir():
        raise DataError(f"{path}: expected a file to write to, got a folder")
