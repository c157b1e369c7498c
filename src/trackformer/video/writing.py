"""How frames become a video file that every browser plays."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Final

import numpy as np
from jaxtyping import UInt8

from trackformer.errors import DataError
from trackformer.video.encoding import GrowingVideo, Picture, available_encoder, put_index_in_front
from trackformer.video.frames import SQUARE

Drawing = Callable[[], UInt8[np.ndarray, "H W 3"]]
"""Makes a frame when its turn comes."""
QUEUE_LENGTH: Final = 8
"""Frames that may wait for the encoder: bounds memory, evens out the tracker's pace."""


class VideoWriter:
    """Writes RGB frames to an MP4 file, in a `with` statement.

    With the first frame the file begins under its name, and grows in pieces of a second: even if
    the process is killed, it is a playable video of the pieces so far. When the statement ends,
    also by an exception or Ctrl-C, it holds all frames and begins with its index. Without any frame
    there is no file, and an earlier one stays.
    """

    def __init__(
        self,
        path: Path | str,
        frame_rate: float | int,
        num_kept: int = 0,
        pixel_aspect: Fraction = SQUARE,
    ) -> None:
        """Prepare to write.

        Args:
            path: Ends in `.mp4`.
            frame_rate: In frames per second.
            num_kept: So many frames of the file that is there stay, and new ones come behind them;
                a piece has to begin after them (`begin_piece`). 0: the file is replaced.
            pixel_aspect: Width of a pixel in heights; players stretch the picture by it.

        Raises:
            DataError: The folder cannot be written to, the frame rate is not positive, or PyAV
                has no encoder that browsers understand.
        """
        self._path = Path(path)
        if not 0 < frame_rate < float("inf"):
            raise DataError(f"{path}: expected a positive frame rate, got {frame_rate}")
        self._video = GrowingVideo(
            self._path,
            available_encoder(self._path),
            Fraction(frame_rate).limit_denominator(1001),
            num_kept,
            pixel_aspect,
        )
        self.num_on_disk = num_kept
        """Frames that are in the file even if the process is killed, up to the last piece."""
        self._begins_piece = False
        self._failure: BaseException | None = None
        self._waiting: queue.Queue[tuple[Drawing, bool] | None] = queue.Queue(QUEUE_LENGTH)
        self._thread = threading.Thread(target=self._encode_all, name="encoder", daemon=True)
        _check_writable(self._path)

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
        self._waiting.put((draw, self._begins_piece))
        self._begins_piece = False

    def begin_piece(self) -> None:
        """From the next frame on the file can be continued later: `num_on_disk` will tell when."""
        self._begins_piece = True

    def close(self) -> None:
        """Finish the file; does nothing the second time.

        Raises:
            DataError: The video could not be encoded or written; what is in the file is playable.
        """
        if self._thread.is_alive():
            self._waiting.put(None)
            self._thread.join()
            put_index_in_front(self._path, self._video.frame_rate)
        self._raise_failure()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            reason = getattr(self._failure, "strerror", None) or str(self._failure)
            raise DataError(f"{self._path}: cannot be written: {reason}") from self._failure

    def _encode_all(self) -> None:
        """Runs in the thread: draw and encode what is queued until None comes."""
        waiting = iter(self._waiting.get, None)
        try:
            pictures = (Picture(draw(), begins_piece) for draw, begins_piece in waiting)
            self._video.encode(pictures, self._note_on_disk)
        except Exception as error:
            # Whatever it is, the caller must hear of it - who may be waiting for room in the queue.
            self._failure = error
            for _ in waiting:
                pass

    def _note_on_disk(self, num_frames: int) -> None:
        self.num_on_disk = num_frames


def _check_writable(path: Path) -> None:
    """Fail before hours of tracking, not after."""
    probe = path.with_name(f".writable.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {error.strerror}") from error
    if path.is_dir():
        raise DataError(f"{path}: expected a file to write to, got a folder")
