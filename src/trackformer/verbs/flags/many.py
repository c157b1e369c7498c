"""`--resume`, `--jobs` and `--cluster`: long runs that go on, and many recordings one by one."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trackformer.verbs.flags.classes import only_asked
from trackformer.verbs.flags.cluster import (
    is_stored,
    runs_file,
    stored_sources,
    track_on,
    write_runs,
)
from trackformer.verbs.flags.model import load
from trackformer.verbs.flags.video import (
    PARTLY_FAILED,
    STANDARD_OUTPUT,
    in_short,
    live_reading,
)

if TYPE_CHECKING:
    from trackformer.models.frame_model import FrameModel
    from trackformer.tracking.videos.many import Outcome


def add_many_arguments(parser: argparse.ArgumentParser) -> None:
    """`--resume`, `--save-every` and `--jobs`."""
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on where a run of the same command was cut or killed; begin where there was none",
    )
    parser.add_argument(
        "--save-every",
        type=_positive,
        default=50,
        metavar="FRAMES",
        help="how often what --resume needs is saved: at most so much is done again (default: 50)",
    )
    parser.add_argument(
        "--jobs",
        type=_positive,
        metavar="N",
        help="track each source alone, N at a time in processes of their own, each with a core's "
        "share, and write DIR/runs.csv; without it several sources share a pass of the model, and "
        "the videos of a folder, pattern or list come one after another",
    )

    parser.add_argument(
        "--cluster",
        metavar="ADDRESS",
        help="track each source alone on a Ray cluster, --jobs at a time (default: all its cores); "
        "local: on this machine (docs/cluster.md)",
    )


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number, 1 or more, got {text!r}")
    return int(text)


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """Which model to load, and how: the same choice is the same model in a process."""

    model: str
    device: str
    dtype: str
    classes: str | None

    def __call__(self) -> FrameModel:
        """Load it."""
        options = argparse.Namespace(model=self.model, device=self.device, dtype=self.dtype)
        options.classes = self.classes
        return only_asked(load(options), options)


def listed(words: Sequence[str]) -> tuple[list[str], bool]:
    """The sources that are meant, and whether a folder, pattern or list was among the words."""
    from trackformer.video.source_lists import listed_sources

    sources: list[str] = []
    is_listed = False
    for word in words:
        several = stored_sources(word) if is_stored(word) else listed_sources(word)
        is_listed |= several is not None
        sources += [word] if several is None else several
    return sources, is_listed


def run_many(options: argparse.Namespace, changes: Mapping[str, Any]) -> int:
    """Track each alone; returns 1 if one failed or broke off, with the failures named."""
    from trackformer.errors import ConfigError
    from trackformer.tracking.videos.many import TrackingChoices, track_many
    from trackformer.tracking.videos.streams import stream_folders

    for flag in ("public_detections", "proposals", "trace", "also", "offline"):
        if getattr(options, flag) not in (None, False):
            raise ConfigError(
                f"--{flag.replace('_', '-')}: not for videos that are tracked one after another; "
                "track them one by one, or name each of them without --jobs"
            )
    if options.output == STANDARD_OUTPUT:
        raise ConfigError("--output -: expected one video, got several, --jobs or --cluster")
    choices = TrackingChoices(
        changes=changes,
        live=live_reading(options),
        timed=options.timed,
        write_video=not options.no_video,
        overwrite=options.overwrite,
        resume=options.resume,
        save_every=options.save_every,
    )
    model = ModelChoice(options.model, options.device, options.dtype, options.classes)
    if options.cluster is not None:
        return _report(track_on(options, model, choices), options)
    folders = stream_folders(options.sources, options.output)
    return _report(track_many(model, options.sources, folders, choices, options.jobs or 1), options)


def _report(tracked: Iterable[Outcome], options: argparse.Namespace) -> int:
    outcomes = []
    for outcome in tracked:
        outcomes.append(outcome)
        _print(outcome)
        # As it goes: a killed run leaves what is known.
        write_runs(outcomes, options)
    return _end(outcomes, options)


def _print(outcome: Outcome) -> None:
    if outcome.run is not None:
        print(f"{outcome.source}: {in_short(outcome.run)}", flush=True)


def _end(outcomes: Sequence[Outcome], options: argparse.Namespace) -> int:
    failed = [each for each in outcomes if each.why is not None]
    print(f"{len(outcomes) - len(failed)} of {len(outcomes)} videos finished")
    print(runs_file(options))
    for each in failed:
        print(f"error: {each.source}: {each.why}", file=sys.stderr)
    return PARTLY_FAILED if failed else 0
