"""What each part of `track --offline` gives: scores of finished tracks, revised part by part.

    python -m benchmarks.hindsight [--held-out] RESULTS GROUND_TRUTH [GROUND_TRUTH ...]

--held-out: the lags of each part are chosen anew for every video, by the mean HOTA of the others:
no score is of a video on which they were chosen. Without it they are those of `--offline`.

RESULTS holds `NAME/tracks.jsonl` of `trackformer track` without `--offline` for every annotated
video NAME of a GROUND_TRUTH. Shares are means over the videos, switches are summed up.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from trackformer.data.annotations import AnnotatedData, AnnotatedSequence
from trackformer.data.formats.tracks import read_tracks
from trackformer.data.read import read_annotations
from trackformer.data.results import ResultFrame
from trackformer.evaluation.metrics.tracking import evaluate_tracking
from trackformer.evaluation.reports.files import scores_by_published_name
from trackformer.tracking.hindsight.filling import filled
from trackformer.tracking.hindsight.joining import join
from trackformer.tracking.hindsight.smoothing import smoothed
from trackformer.tracking.hindsight.track import Track, tracks_of, with_tracks

Scores = dict[str, float | int]
Video = tuple[AnnotatedSequence, AnnotatedSequence]
"""What is there, and what was tracked."""
Revision = Callable[[list[Track]], Sequence[Track]]
PARTS: dict[str, Revision] = {
    "online": lambda tracks: tracks,
    "gaps filled": lambda tracks: [filled(track) for track in tracks],
    "smoothed": lambda tracks: [smoothed(track) for track in tracks],
    "joined": join,
    "without tracks of one frame": lambda tracks: [each for each in tracks if len(each.frames) > 1],
    "smoothed, filled": lambda tracks: [filled(smoothed(track)) for track in tracks],
    "smoothed, joined, filled (`--offline`)": lambda tracks: [
        filled(track) for track in join([smoothed(each) for each in tracks])
    ],
}
SHARES = ("HOTA", "DetA", "AssA", "MOTA", "IDF1")


LAGS = ((3, 5), (6, 10), (9, 15), (12, 20))
JOINED_GAPS = (8, 15, 30)
FILLED_GAPS = (15, 30, 60)
"""What is chosen from, held out; frames. The middle ones are those of `--offline`, nearly."""


@dataclass(frozen=True, slots=True)
class Lags:
    """What is done to finished tracks; None: not this part."""

    smooth: tuple[int, int] | None = None
    join: int | None = None
    fill: int | None = None

    def revise(self, tracks: list[Track]) -> list[Track]:
        """In the order of `--offline`."""
        if self.smooth is not None:
            tracks = [smoothed(track, *self.smooth) for track in tracks]
        if self.join is not None:
            tracks = join(tracks, self.join)
        if self.fill is not None:
            tracks = [filled(track, self.fill) for track in tracks]
        return tracks


Choose = Callable[[Sequence[Lags]], Lags]
"""The best of some, on the videos that are not held out."""


def _parts(choose: Choose, *, joins: bool) -> Lags:
    """One after another, as they are applied: all 36 together would be chosen too finely."""
    lags = choose([Lags(smooth=smooth) for smooth in LAGS])
    if joins:
        lags = choose([replace(lags, join=gap) for gap in JOINED_GAPS])
    return choose([replace(lags, fill=gap) for gap in FILLED_GAPS])


HELD_OUT: dict[str, Callable[[Choose], Lags]] = {
    "online": lambda _choose: Lags(),
    "gaps filled": lambda choose: choose([Lags(fill=gap) for gap in FILLED_GAPS]),
    "smoothed": lambda choose: choose([Lags(smooth=smooth) for smooth in LAGS]),
    "joined": lambda choose: choose([Lags(join=gap) for gap in JOINED_GAPS]),
    "smoothed, filled": functools.partial(_parts, joins=False),
    "smoothed, joined, filled": functools.partial(_parts, joins=True),
}


def main(results: Path, ground_truths: Sequence[Path], *, held_out: bool) -> None:
    """Print a row for each part."""
    truths = [one for path in ground_truths for one in read_annotations(path).sequences]
    found = [read_tracks(results / truth.name).sequences[0] for truth in truths]
    print(f"| | {' | '.join(SHARES)} | IDSW | HOTA of {', '.join(one.name for one in truths)} |")
    print("|---" * (len(SHARES) + 3) + "|")
    videos = list(zip(truths, found, strict=True))
    for name, rows in (_held_out(videos) if held_out else _as_published(videos)).items():
        means = " | ".join(f"{np.mean([row[share] for row in rows]):.1f}" for share in SHARES)
        each = " ".join(f"{row['HOTA']:.1f}" for row in rows)
        print(f"| {name} | {means} | {sum(row['IDSW'] for row in rows)} | {each} |")


def _as_published(videos: Sequence[Video]) -> dict[str, list[Scores]]:
    return {
        name: [
            _scores(truth, with_tracks(found, revise(tracks_of(found)))) for truth, found in videos
        ]
        for name, revise in PARTS.items()
    }


def _held_out(videos: Sequence[Video]) -> dict[str, list[Scores]]:
    @functools.cache
    def score(video: int, lags: Lags) -> Scores:
        truth, found = videos[video]
        return _scores(truth, with_tracks(found, lags.revise(tracks_of(found))))

    def choose_without(held_out: int) -> Choose:
        others = [video for video in range(len(videos)) if video != held_out]
        return lambda choices: max(
            choices, key=lambda lags: np.mean([score(video, lags)["HOTA"] for video in others])
        )

    return {
        name: [score(video, part(choose_without(video))) for video in range(len(videos))]
        for name, part in HELD_OUT.items()
    }


def _scores(truth: AnnotatedSequence, tracked: AnnotatedSequence) -> Scores:
    frames = [
        ResultFrame(frame.frame_index, frame.track_ids, frame.boxes_xyxy, frame.scores)
        for frame in tracked.frames
    ]
    data = AnnotatedData((truth,), ("person",))
    return scores_by_published_name(evaluate_tracking(data, {truth.name: frames}).combined)


if __name__ == "__main__":
    given = [argument for argument in sys.argv[1:] if argument != "--held-out"]
    main(
        Path(given[0]),
        [Path(path) for path in given[1:]],
        held_out=len(given) < len(sys.argv) - 1,
    )
