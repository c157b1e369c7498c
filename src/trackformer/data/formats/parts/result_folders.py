"""Where TrackEval keeps the results of trackers: `TRACKER/data/NAME.txt`, one for each sequence."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from trackformer.errors import DataError

RESULTS: Final = "data"


def tracker_data(path: Path) -> Path | None:
    """The folder of a tracker's text files: the path itself, or `data` in it; None: neither is."""
    folder = path if path.name == RESULTS else path / RESULTS
    return folder if folder.is_dir() and any(folder.glob("*.txt")) else None


def only_tracker_data(path: Path) -> Path | None:
    """The same, also of a folder of one tracker.

    Raises:
        DataError: There are several trackers.
    """
    own = tracker_data(path)
    if own is not None or not path.is_dir():
        return own
    trackers = [each for each in sorted(path.iterdir()) if tracker_data(each) is not None]
    if len(trackers) > 1:
        names = ", ".join(each.name for each in trackers)
        raise DataError(f"{path}: expected the results of one tracker, got those of {names}")
    return tracker_data(trackers[0]) if trackers else None
