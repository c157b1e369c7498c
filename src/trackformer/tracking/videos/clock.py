"""When the frames of a video were taken, as trackers want to know it."""

from __future__ import annotations

from collections.abc import Callable

from trackformer.tracking.tracker import Tracker
from trackformer.video.frames import Frame, FrameSource


def clock_of(
    tracker: Tracker, source: FrameSource, *, timed: bool
) -> Callable[[Frame], float | None]:
    """What tells a tracker the time of its next frame: nothing where frames are counted.

    Args:
        tracker: Of the source.
        source: Times of a live one always count, since frames may be missing.
        timed: Whether they do anyway; they do, too, where patience is in seconds.
    """
    settings, frame_rate = tracker.settings, source.frame_rate
    is_wanted = timed or source.is_live or settings.patience_s is not None
    if not is_wanted or (source.is_live and settings.compatibility == "reference"):
        return lambda _frame: None
    return lambda frame: time_of(frame, frame_rate, tracker.tracks.time_s)


def time_of(frame: Frame, frame_rate: float, before: float | None) -> float:
    """Seconds since the video began, always later than the frame before.

    Args:
        frame: Of a source without a clock its number counts.
        frame_rate: Of the source; where its clock stands still or goes back, as it does in some
            recordings, a frame's length is added.
        before: What the frame before was given; None: there was none.
    """
    time_s = frame.frame_index / frame_rate if frame.time_s is None else frame.time_s
    if before is None or time_s > before:
        return time_s
    return before + 1 / frame_rate
