"""`--also FORMAT,FORMAT`: tracks in the formats of other programs, beside our own files."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from trackformer.verbs.data.convert import FORMAT_NAMES

if TYPE_CHECKING:
    from trackformer.data.formats.names import FormatName
    from trackformer.tracking.videos.video_run import VideoRun

OTHER_FORMATS: Final = tuple(name for name in FORMAT_NAMES if name != "tracks")


def add_also_argument(parser: argparse.ArgumentParser) -> None:
    """`--also`."""
    parser.add_argument(
        "--also",
        metavar="FORMAT,...",
        help=f"write the tracks in other formats, too, each into a folder of DIR: "
        f"{', '.join(OTHER_FORMATS)} (`trackformer data convert` does it later)",
    )


def also_formats(options: argparse.Namespace) -> tuple[FormatName, ...]:
    """What was asked for, refused before anything slow starts.

    Raises:
        ConfigError: A format is unknown, or its library is not installed.
    """
    from trackformer.data.formats.tables.parquet_files import check_pyarrow
    from trackformer.errors import ConfigError

    if options.also is None:
        return ()
    names = tuple(dict.fromkeys(name.strip() for name in options.also.split(",")))
    for name in names:
        if name not in OTHER_FORMATS:
            raise ConfigError(f"--also: expected some of {', '.join(OTHER_FORMATS)}, got {name!r}")
    if "parquet" in names:
        check_pyarrow()
    return names


def check_also(
    folders: Sequence[Path], formats: tuple[FormatName, ...], *, overwrite: bool
) -> None:
    """Refuse folders of an earlier run.

    Raises:
        DataError: One exists, and is not to be replaced.
    """
    from trackformer.data.convert import check_destination

    for folder in folders:
        for name in formats:
            check_destination(folder / name, overwrite=overwrite)


def write_also(
    run: VideoRun, folder: Path, formats: tuple[FormatName, ...], *, overwrite: bool
) -> VideoRun:
    """The run with more files: what was tracked into `folder`, in other formats."""
    from trackformer.data.convert import convert_annotations

    if run.num_frames == 0:
        return run
    for name in formats:
        convert_annotations(
            folder / "tracks.jsonl", folder / name, name, images="none", overwrite=overwrite
        )
    return replace(run, files=run.files + tuple(folder / name for name in formats))
