"""What `SOURCE` can be, and how each kind is recognised."""

from __future__ import annotations

import glob
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from trackformer.errors import DataError
from trackformer.frame_files import IMAGE_SUFFIXES
from trackformer.image_files import num_pictures
from trackformer.video.addresses import is_url
from trackformer.video.cameras import open_camera
from trackformer.video.decoding import open_standard_input, open_stream, open_video
from trackformer.video.frame_folders import open_folder, open_glob, open_images
from trackformer.video.frames import Frame, FrameSource
from trackformer.video.image_stacks import open_stack
from trackformer.video.live import LiveReading, live_source

__all__ = ["Frame", "FrameSource", "LiveReading", "open_source"]
STANDARD_INPUT: Final = "-"
REOPENING_S: Final = 5.0
"""A stream that dropped may take so long to show something, each time it is tried again."""
NEWEST: Final = LiveReading()
"""As a viewer wants it."""


def open_source(source: str | Path | int, live: LiveReading = NEWEST) -> FrameSource:
    """Open anything that has frames; use the result in a `with` statement and iterate over it.

    Args:
        source: A video file, an image, a folder of images (natural order), a MOTChallenge sequence
            folder, a glob pattern of images, a camera index (also as text), the address of a stream
            (RTSP, RTMP, HTTP, UDP, TCP), or - for a video from the standard input. What exists on
            disk comes first: a folder may be named "0".
        live: How cameras and streams without an end are read: by default always the newest picture,
            and again after a drop. A video of known length on a server is read frame by frame.

    Raises:
        DataError: It does not exist or has no readable frames. While iterating: the video breaks
            off; everything before has been yielded.
    """
    if isinstance(source, int):
        return _live(partial(open_camera, source), live)
    text = str(source)
    if is_url(text):
        return _live(
            partial(open_stream, text), live, partial(open_stream, text, opening_s=REOPENING_S)
        )
    path = Path(text).expanduser()
    if path.is_dir():
        return open_folder(path)
    if path.exists():
        return _open_image(path, text) if _is_image(path) else open_video(path)
    return _open_pattern_or_camera(text, path, live)


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in IMAGE_SUFFIXES


def _open_image(path: Path, name: str) -> FrameSource:
    count = num_pictures(path)
    return open_stack(path, count) if count > 1 else open_images([path], name)


def _live(
    open_first: Callable[[], FrameSource],
    live: LiveReading,
    open_again: Callable[[], FrameSource] | None = None,
) -> FrameSource:
    source = open_first()
    if source.num_frames is not None:
        return source
    return live_source(source, open_again or open_first, live)


def _open_pattern_or_camera(text: str, path: Path, live: LiveReading) -> FrameSource:
    if text == STANDARD_INPUT:
        return open_standard_input()
    if text.isdecimal():
        return _live(partial(open_camera, int(text)), live)
    if glob.has_magic(text):
        return open_glob(str(path))
    raise DataError(
        f"{text}: no such file or folder; expected a video, a folder of images, "
        "a pattern such as 'frames/*.jpg', a camera index, a stream's address or - (standard input)"
    )
