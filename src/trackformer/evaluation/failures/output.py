"""The worst failures of a report as pictures, all of them as a table, and a page over both."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import UInt8
from rich.table import Table

from trackformer.atomic_files import whole_file
from trackformer.data.annotations import AnnotatedFrame
from trackformer.data.results import ResultFrame
from trackformer.evaluation.failures.find import (
    Failure,
    find_failures,
    grouped,
    worst_first,
    write_failures,
)
from trackformer.evaluation.failures.frames import frame_pixels
from trackformer.evaluation.failures.moments import Moment, moments_of
from trackformer.evaluation.failures.page import ALL_FAILURES, described, failure_page, share
from trackformer.evaluation.failures.strips import as_jpeg, draw_moment, joined, shown_side, titled
from trackformer.evaluation.metrics.tracking import ScoredVideo
from trackformer.tracking.videos.progress import progress_bar

PAGE: Final = "index.html"
PICTURE_NAME: Final = "worst-{:03d}.jpg"


def write_failure_report(
    split: str,
    videos: Sequence[ScoredVideo],
    folder: Path,
    num_worst: int,
    video: Path | None = None,
) -> tuple[Failure, ...]:
    """Write `index.html`, `failures.csv` and `worst-001.jpg`, ... into a folder.

    Pictures of an earlier report in the same folder go. A bar shows the frames read.

    Args:
        split: What was scored: the page's title.
        videos: With frames: see `check_frames`.
        folder: Made if it does not exist.
        num_worst: So many failures have a picture.
        video: Where the frames are, if not beside the annotations.

    Returns:
        All failures, the worst first.

    Raises:
        DataError: A frame cannot be read, or the folder cannot be written to.
    """
    failures = worst_first(
        [failure for entry in videos for failure in find_failures(entry.sequence, entry.matched)]
    )
    pictures = {}
    names = {entry: PICTURE_NAME.format(rank) for rank, entry in enumerate(failures, start=1)}
    for failure, strip in _strips(videos, failures[:num_worst], video):
        with whole_file(folder / names[failure]) as unfinished:
            unfinished.write_bytes(as_jpeg(titled(strip, described(failure))))
        pictures[failure] = names[failure]
    for old in folder.glob("worst-[0-9]*.jpg"):
        if old.name not in pictures.values():
            old.unlink()
    write_failures(failures, pictures, folder / ALL_FAILURES)
    with whole_file(folder / PAGE) as unfinished:
        unfinished.write_text(failure_page(split, failures, pictures), encoding="utf-8")
    return failures


def failure_table(failures: Sequence[Failure]) -> Table:
    """One row per cause, the largest cost first, to print with rich."""
    groups = grouped(failures)
    total = sum(group.cost for group in groups)
    shown = Table("failure", "cause")
    for name in ("failures", "boxes", "cost", "of all"):
        shown.add_column(name, justify="right")
    for group in groups:
        counts = str(len(group.failures)), str(group.boxes)
        cost = f"{group.cost:.1f}", share(group.cost, total)
        shown.add_row(group.kind, group.cause, *counts, *cost)
    return shown


@dataclass(slots=True, eq=False)
class _Strip:
    """A strip that grows frame by frame."""

    failure: Failure
    moments: tuple[Moment, ...]
    pictures: list[UInt8[np.ndarray, "_ _ 3"]] = field(default_factory=list)

    def append(
        self,
        pixels: UInt8[np.ndarray, "H W 3"],
        annotated: AnnotatedFrame,
        result: ResultFrame | None,
    ) -> None:
        """Draw the next moment."""
        moment, side = self.moments[len(self.pictures)], shown_side(self.moments)
        tracks = self.failure.old_track, self.failure.new_track
        concerned = [track for track in tracks if track is not None]
        self.pictures.append(draw_moment(pixels, moment, side, annotated, result, concerned))


def _strips(
    videos: Sequence[ScoredVideo], failures: Sequence[Failure], video: Path | None
) -> Iterator[tuple[Failure, UInt8[np.ndarray, "_ _ 3"]]]:
    """The pictures of each failure side by side."""
    with progress_bar() as progress:
        for entry in videos:
            name = entry.sequence.name
            own = [failure for failure in failures if failure.sequence == name]
            if own:
                task = progress.add_task(f"pictures of {name}", total=None)
                yield from _strips_of(entry, own, video, partial(progress.update, task))


def _strips_of(
    entry: ScoredVideo,
    failures: Sequence[Failure],
    video: Path | None,
    on_progress: Callable[..., None],
) -> Iterator[tuple[Failure, UInt8[np.ndarray, "_ _ 3"]]]:
    """Those of one sequence; every frame is read once, and no strip is kept once it is whole."""
    waiting: dict[int, list[_Strip]] = defaultdict(list)
    for failure in failures:
        strip = _Strip(failure, moments_of(failure, entry.sequence))
        for moment in strip.moments:
            waiting[moment.frame_index].append(strip)
    results = {result.frame_index: result for result in entry.results}
    for index, pixels in frame_pixels(entry.sequence, waiting, video):
        for strip in waiting[index]:
            strip.append(pixels, entry.sequence.frames[index], results.get(index))
            if len(strip.pictures) == len(strip.moments):
                yield strip.failure, joined(strip.pictures)
        on_progress(total=len(waiting), advance=1)
