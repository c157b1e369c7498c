"""A folder of results, read to be looked at (torch-free)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import Float

from trackformer.errors import DataError
from trackformer.tracking.tracing.reading import TRACE_NAME, TraceFile, open_trace_file

LINES_NAME: Final = "tracks.jsonl"
CORRECTIONS_NAME: Final = "corrections.json"


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """One identity in one frame."""

    box_xyxy: Float[np.ndarray, " 4"]
    """In 0-based pixels."""
    score: float
    label: str


@dataclass(frozen=True, slots=True, eq=False)
class RunFolder:
    """The tracks of one video; made by `read_run`."""

    folder: Path
    frames: tuple[Mapping[int, Seen], ...]
    """By 0-based frame index: what is seen, by identity."""
    seconds: tuple[float | None, ...]
    """Since the first frame, of each; None where the source has no clock."""
    trace: TraceFile | None

    def track_ids(self) -> list[int]:
        """All identities, in order."""
        return sorted({track_id for frame in self.frames for track_id in frame})


def read_run(folder: Path) -> RunFolder:
    """What `trackformer track --output` wrote.

    Raises:
        DataError: There are no tracks, or a file is damaged.
    """
    path = folder / LINES_NAME
    frames, seconds = [], []
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                try:
                    seen, time = _frame(json.loads(line))
                except (ValueError, KeyError, TypeError, AttributeError) as error:
                    raise DataError(
                        f"{path}:{number}: expected a frame of tracks, got {line[:40]!r}"
                    ) from error
                frames.append(seen)
                seconds.append(time)
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read: {error.strerror}; trackformer track writes it"
        ) from error
    if not frames:
        raise DataError(f"{path}: expected at least one frame, got none")
    has_trace = (folder / TRACE_NAME).exists()
    trace = open_trace_file(folder) if has_trace else None
    return RunFolder(folder, tuple(frames), tuple(seconds), trace)


def _frame(record: dict[str, Any]) -> tuple[dict[int, Seen], float | None]:
    seen = {
        int(each["track_id"]): Seen(
            np.array(each["box_xyxy"]), float(each["score"]), str(each["label"])
        )
        for each in record["objects"]
    }
    return seen, record["time_s"]
