"""What a run leaves beside its results, so that it can be continued wherever it was killed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from trackformer.atomic_files import whole_file
from trackformer.errors import CheckpointError, ConfigError
from trackformer.tracking.sessions.packed import as_bytes, as_tensor, packed, read_packed
from trackformer.tracking.videos.outputs import FileSizes
from trackformer.video.frames import FrameSource

FORMAT: Final = "trackformer-run-1"


@dataclass(frozen=True, slots=True)
class SourceMark:
    """What tells one recording from another; where it lies may change."""

    name: str
    frame_rate: float
    num_frames: int | None


@dataclass(frozen=True, slots=True)
class StreamState:
    """One video between two frames."""

    source: SourceMark
    files: tuple[str, ...]
    """Names of the result files."""
    sizes: FileSizes
    """How long these were."""
    num_frames: int
    """Frames in them."""
    num_objects: int
    is_finished: bool
    """The source came to its regular end: nothing is left to do."""
    broken_off: str | None
    """Why nothing more comes, although that was no regular end."""
    tracker: bytes = field(repr=False)
    """`Tracker.state()`; empty before the first frame."""
    time_s: float | None = None
    """When the last frame was taken, as the source says."""


@dataclass(frozen=True, slots=True)
class RunState:
    """All videos that are tracked side by side, at one step."""

    streams: tuple[StreamState, ...]

    def write(self, path: Path) -> None:
        """As a safetensors file that is there whole or not at all.

        Raises:
            DataError: It cannot be written.
        """
        plain = [
            {key: value for key, value in asdict(each).items() if key != "tracker"}
            for each in self.streams
        ]
        tensors = {str(row): as_tensor(each.tracker) for row, each in enumerate(self.streams)}
        data = packed(FORMAT, {"streams": plain}, tensors)
        with whole_file(path) as partial, partial.open("wb") as file:
            file.write(data)
            file.flush()
            # Before it takes the name: a crash of the machine must not leave an empty file.
            os.fsync(file.fileno())


def mark_of(source: FrameSource) -> SourceMark:
    """What is remembered of a source."""
    return SourceMark(Path(source.name).name, source.frame_rate, source.num_frames)


def nothing_yet(source: SourceMark, files: Sequence[Path]) -> StreamState:
    """Before the first frame."""
    names = tuple(each.name for each in files)
    return StreamState(
        source, names, FileSizes(), 0, 0, is_finished=False, broken_off=None, tracker=b""
    )


def read_run(path: Path) -> RunState:
    """The inverse of `RunState.write`.

    Raises:
        CheckpointError: The file is missing, damaged, or of another version.
    """
    what = f"{path}: state of a run"
    plain, tensors = read_packed(FORMAT, path, what)
    try:
        streams = [
            _stream(each, as_bytes(tensors[str(row)])) for row, each in enumerate(plain["streams"])
        ]
    except (KeyError, TypeError) as error:
        raise CheckpointError(f"{what}: damaged: {error}") from error
    return RunState(tuple(streams))


def _stream(plain: dict[str, Any], tracker: bytes) -> StreamState:
    return StreamState(
        **plain
        | {
            "source": SourceMark(**plain["source"]),
            "sizes": FileSizes(**plain["sizes"]),
            "files": tuple(plain["files"]),
            "tracker": tracker,
        }
    )


def check_continues(
    state: StreamState, source: SourceMark, files: Sequence[Path], path: Path
) -> None:
    """Refuse to go on with another recording, or to write other files than before.

    Raises:
        ConfigError: Says which differs; `path` is where the state was.
    """
    if state.source != source:
        raise ConfigError(
            f"{path}: expected to go on with {_described(state.source)}, got {_described(source)}"
        )
    names = tuple(each.name for each in files)
    if state.files != names:
        raise ConfigError(
            f"{path}: expected to go on writing {', '.join(state.files)}, got {', '.join(names)}"
        )


def _described(source: SourceMark) -> str:
    count = "" if source.num_frames is None else f" with {source.num_frames} frames"
    return f"{source.name}{count} at {source.frame_rate:g} a second"
