"""A trace reaches the disk frame by frame."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

from trackformer.errors import DataError
from trackformer.predictions import Predictions
from trackformer.tracking.lifecycle.decisions import Told
from trackformer.tracking.lifecycle.tracks import Tracks
from trackformer.tracking.settings import TrackerSettings
from trackformer.tracking.tracing.reading import embeddings_beside
from trackformer.tracking.tracing.records import TraceHeader, frame_as_json, header_as_json
from trackformer.tracking.tracing.step import traced_frame


class Trace:
    """Writes a header, a line of JSON for every frame, and beside it the queries' embeddings.

    For `Tracker(..., trace=...)`, in a `with` statement. The files come with the first frame, and
    whatever stops it, they hold the frames so far. It keeps nothing of them.

    Args:
        path: Replaced if it exists.
        header: What the trace says of the whole run.
    """

    def __init__(self, path: Path, header: TraceHeader) -> None:
        self._path = path
        self._header = header
        self._files = ExitStack()
        self._open: tuple[BinaryIO, BinaryIO] | None = None
        self._num_rows = 0
        self._told: list[Told] = []

    def __enter__(self) -> Trace:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._files.close()

    def hear(self, make: Callable[[], Told]) -> None:
        """A `Listener` of `advance`."""
        self._told.append(make())

    def end_step(
        self,
        before: Tracks,
        answer: Predictions,
        settings: TrackerSettings,
        image_size: tuple[int, int],
    ) -> None:
        """Write what was heard since the last step.

        Raises:
            DataError: A file cannot be written.
        """
        told, self._told = self._told, []
        frame = traced_frame(before, answer, settings, told, image_size, self._num_rows)
        self._num_rows += len(before.ids)
        try:
            lines, embeddings = self._open or self._begun()
            embeddings.write(before.embeddings.numpy().astype("<f4").tobytes())
            lines.write(_line(frame_as_json(frame)))
        except OSError as error:
            raise DataError(f"{self._path}: cannot be written: {error.strerror}") from error

    def _begun(self) -> tuple[BinaryIO, BinaryIO]:
        # Unbuffered: a frame is on disk as soon as it is known, and only whole lines are.
        lines, embeddings = (
            self._files.enter_context(path.open("wb", buffering=0))
            for path in (self._path, embeddings_beside(self._path))
        )
        lines.write(_line(header_as_json(self._header)))
        self._open = lines, embeddings
        return self._open


def _line(record: dict[str, Any]) -> bytes:
    return (json.dumps(record, separators=(",", ":")) + "\n").encode()
