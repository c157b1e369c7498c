"""What each part of `track --offline` gives: scores of finished tracks, revised part by part.

    python -m benchmarks.hindsight RESULTS GROUND_TRUTH [GROUND_TRUTH ...]

RESULTS holds `NAME/tracks.jsonl` of `trackformer track` without `--offline` for every annotated
video NAME of a GROUND_TRUTH. Shares are means over the videos, switches are summed up.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
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


def main(results: Path, ground_truths: Sequence[Path]) -> None:
    """Print a row for each part."""
    truths = [one for path in ground_truths for one in read_annotations(path).sequences]
    found = [read_tracks(results / truth.name).sequences[0] for truth in truths]
    print(f"| | {' | '.join(SHARES)} | IDSW | HOTA of {', '.join(one.name for one in truths)} |")
    print("|---" * (len(SHARES) + 3) + "|")
    for name, revision in PARTS.items():
        rows = [
            _scores(truth, with_tracks(online, revision(tracks_of(online))))
            for truth, online in zip(truths, found, strict=True)
        ]
        means = " | ".join(f"{np.mean([row[share] for row in rows]):.1f}" for share in SHARES)
        each = " ".join(f"{row['HOTA']:.1f}" for row in rows)
        print(f"| {name} | {means} | {sum(row['IDSW'] for row in rows)} | {each} |")


def _scores(truth: AnnotatedSequence, tracked: AnnotatedSequence) -> dict[str, float | int]:
    frames = [
        ResultFrame(frame.frame_index, frame.track_ids, frame.boxes_xyxy, frame.scores)
        for frame in tracked.frames
    ]
    data = AnnotatedData((truth,), ("person",))
    return scores_by_published_name(evaluate_tracking(data, {truth.name: frames}).combined)


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(path) for path in sys.argv[2:]])
