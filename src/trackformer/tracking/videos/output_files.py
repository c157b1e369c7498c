"""Where the results of a video go, and whether they may be written there (torch-free)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from trackformer.errors import DataError
from trackformer.tracking.tracing.reading import TRACE_NAME

STATE_NAME: Final = "state.safetensors"


@dataclass(frozen=True, slots=True)
class OutputFiles:
    """The files one video's results are written to."""

    rows: Path
    """MOTChallenge lines, counted from 1."""
    lines: Path
    """One JSON object a frame, counted from 0."""
    masks: Path | None
    """MOTS lines, counted from 1; None: there are no masks."""
    video: Path | None
    """The frames with what was found drawn into them; None: refused."""
    trace: Path | None = None
    """What was asked, answered and decided; None: not asked for."""

    @property
    def state(self) -> Path:
        """From which a run that was cut goes on; no result."""
        return self.rows.with_name(STATE_NAME)

    def paths(self) -> tuple[Path, ...]:
        """All of them."""
        files = (self.rows, self.lines, self.masks, self.video, self.trace)
        return tuple(path for path in files if path is not None)

    def remove_unfinished(self) -> None:
        """Remove what a kill left of files that had not got their names yet."""
        for path in (*self.paths(), self.state):
            for left in path.parent.glob(f".{path.name}.*.partial"):
                left.unlink(missing_ok=True)

    def written(self) -> tuple[Path, ...]:
        """Those that exist."""
        return tuple(path for path in self.paths() if path.exists())


def output_files(
    folder: Path,
    kind: Literal["tracks", "detections"],
    *,
    write_masks: bool = False,
    write_video: bool,
    write_trace: bool = False,
) -> OutputFiles:
    """The names of the files in a folder, which need not exist."""
    return OutputFiles(
        rows=folder / f"{kind}.txt",
        lines=folder / f"{kind}.jsonl",
        masks=folder / f"{kind}_mots.txt" if write_masks else None,
        video=folder / "video.mp4" if write_video else None,
        trace=folder / TRACE_NAME if write_trace else None,
    )


def check_output(files: OutputFiles, *, overwrite: bool, resume: bool = False) -> None:
    """Make the folder, and fail before hours of tracking rather than after.

    Raises:
        DataError: As of `foresee_output`.
    """
    foresee_output(files, overwrite=overwrite, resume=resume)
    folder = files.rows.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _probe(folder)
    except OSError as error:
        raise DataError(f"{folder}: cannot be written to: {error.strerror}") from error


def foresee_output(files: OutputFiles, *, overwrite: bool, resume: bool = False) -> None:
    """The same before anything slow is begun, and before anything is made.

    Raises:
        DataError: The folder cannot be written to, or results are in it that `overwrite` does not
            give up and `resume` cannot go on with.
    """
    folder = files.rows.parent
    try:
        _probe(next(each for each in (folder, *folder.parents) if each.exists()))
    except OSError as error:
        raise DataError(f"{folder}: cannot be written to: {error.strerror}") from error
    can_go_on = files.state.exists()
    if resume and can_go_on:
        return
    go_on = ", go on with it (--resume)" if can_go_on else ""
    for path in files.written():
        if path.is_dir():
            raise DataError(f"{path}: expected a file to write to, got a folder")
        if path.stat().st_size > 0 and not overwrite:
            raise DataError(
                f"{path}: exists already; choose another output folder{go_on}, "
                "or replace it (--overwrite)"
            )


def _probe(folder: Path) -> None:
    probe = folder / f".writable.{os.getpid()}"
    probe.touch()
    probe.unlink()
