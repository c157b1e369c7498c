"""A trace read again (torch-free)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Float32

from trackformer.errors import DataError
from trackformer.tracking.tracing.records import (
    TracedFrame,
    TraceHeader,
    frame_from_json,
    header_from_json,
)

TRACE_NAME: Final = "trace.jsonl"
EMBEDDINGS_NAME: Final = "trace_queries.f32"


def embeddings_beside(path: Path) -> Path:
    """The file of the track queries' embeddings that belongs to a trace."""
    return path.with_name(EMBEDDINGS_NAME)


@dataclass(frozen=True, slots=True)
class TraceFile:
    """A trace on disk; made by `open_trace_file`."""

    path: Path
    header: TraceHeader

    def frames(self) -> Iterator[TracedFrame]:
        """All of them, one at a time.

        A last line that is not whole, of a run that was killed, is left out.

        Raises:
            DataError: A line is damaged.
        """
        with self.path.open(encoding="utf-8") as lines:
            next(lines)
            for number, line in enumerate(lines, start=2):
                if not line.endswith("\n"):
                    return
                try:
                    yield frame_from_json(json.loads(line))
                except (ValueError, KeyError, TypeError) as error:
                    raise DataError(
                        f"{self.path}:{number}: expected a traced frame, got {line[:40]!r}"
                    ) from error

    def frame(self, frame_index: int) -> TracedFrame:
        """One of them; DataError where the trace has no such frame."""
        last = -1
        for frame in self.frames():
            if frame.frame_index == frame_index:
                return frame
            last = frame.frame_index
        raise DataError(f"{self.path}: expected a frame up to {last + 1}, got {frame_index + 1}")

    def embeddings(self, frame: TracedFrame) -> Float32[np.ndarray, "T C"]:
        """Those that the track queries of a frame were asked with.

        Raises:
            DataError: The file beside the trace is missing or too short.
        """
        path = embeddings_beside(self.path)
        size, count = self.header.embedding_size, len(frame.track_ids)
        try:
            numbers = np.fromfile(
                path, dtype="<f4", count=count * size, offset=frame.first_row * size * 4
            )
        except OSError as error:
            raise DataError(f"{path}: cannot be read: {error.strerror}") from error
        if len(numbers) != count * size:
            raise DataError(f"{path}: expected {count * size} numbers, got {len(numbers)}")
        rows: Float32[np.ndarray, "T C"] = numbers.reshape(count, size).astype(np.float32)
        return rows


def open_trace_file(path: Path) -> TraceFile:
    """A trace, or the one in a folder of results.

    Raises:
        DataError: There is none.
    """
    path = path / TRACE_NAME if path.is_dir() else path
    try:
        with path.open(encoding="utf-8") as lines:
            return TraceFile(path, header_from_json(json.loads(next(lines, ""))))
    except OSError as error:
        hint = "trackformer track ... --trace writes one"
        raise DataError(f"{path}: cannot be read: {error.strerror}; {hint}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: expected a trace of trackformer track --trace") from error
