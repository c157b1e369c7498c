"""`--cluster`: the same recordings, on the machines of a Ray cluster, from and to any store."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Final

from trackformer.verbs.flags.video import StoredFolder

if TYPE_CHECKING:
    from trackformer.tracking.videos.many import LoadModel, Outcome, TrackingChoices

SUMMARY_NAME: Final = "runs.csv"


def is_stored(word: str) -> bool:
    """Whether a source is one of a store; without importing what knows stores."""
    if "://" not in word:
        return False
    from trackformer.video.addresses import is_url

    return not is_url(word)


def stored_sources(word: str) -> tuple[str, ...] | None:
    """The recordings that a folder or pattern of a store means; None: one."""
    videos: tuple[str, ...] | None = _places(word).stored_videos(word)
    return videos


def _places(word: str) -> ModuleType:
    """What knows stores, where its packages are installed."""
    from trackformer.errors import ConfigError

    try:
        from trackformer.cluster import places
    except ImportError as error:
        raise ConfigError(f"{word}: needs fsspec: pip install 'trackformer[cluster]'") from error
    return places


def refuse_stored(options: argparse.Namespace) -> None:
    """Stores are for clusters.

    Raises:
        ConfigError: One is named without `--cluster`.
    """
    from trackformer.errors import ConfigError

    if options.cluster is not None:
        return
    names = [word for word in options.sources if is_stored(word)]
    names += [options.output] if isinstance(options.output, StoredFolder) else []
    for name in names:
        raise ConfigError(f"{name}: stores are read and written with --cluster only")


def track_on(
    options: argparse.Namespace, load: LoadModel, choices: TrackingChoices
) -> Iterator[Outcome]:
    """What became of each recording, as they end."""
    from trackformer.cluster.run import ClusterChoice, track_on_cluster
    from trackformer.cluster.worker import Job
    from trackformer.tracking.videos.streams import stream_folders

    if isinstance(options.output, StoredFolder):
        _places(options.output).check_store(options.output)
    names = [each.name for each in stream_folders(options.sources, Path())]
    jobs = [
        Job(source, _anywhere(source), _anywhere(_within(options.output, name)))
        for source, name in zip(options.sources, names, strict=True)
    ]
    cluster = ClusterChoice(options.cluster, options.jobs, options.device.startswith("cuda"))
    return track_on_cluster(load, jobs, choices, cluster, _remark)


def runs_file(options: argparse.Namespace) -> str:
    """Where the summary is."""
    return _within(options.output, SUMMARY_NAME)


def write_runs(outcomes: Sequence[Outcome], options: argparse.Namespace) -> None:
    """The summary so far.

    Raises:
        DataError: It cannot be written.
    """
    from trackformer.tracking.videos.many import summary_of, write_summary

    if isinstance(options.output, StoredFolder):
        from trackformer.cluster.places import write_text

        write_text(runs_file(options), summary_of(outcomes))
    else:
        write_summary(Path(runs_file(options)), outcomes)


def _within(folder: Path | StoredFolder, name: str) -> str:
    return (
        f"{folder.rstrip('/')}/{name}" if isinstance(folder, StoredFolder) else str(folder / name)
    )


def _anywhere(name: str) -> str:
    """Workers have another current folder."""
    return name if "://" in name or name.isdecimal() else str(Path(name).expanduser().absolute())


def _remark(text: str) -> None:
    print(f"note: {text}", file=sys.stderr)
