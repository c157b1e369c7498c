"""How often a planted fault is among the first suspicious moments, without any ground truth.

Run: `python -m benchmarks.planted_faults`. Ten synthetic clips of people who look alike and cross,
once with a result that is imitated (trembling boxes of those of whom half can be seen), once
tracked by the bundled `nano-open`, which also makes mistakes of its own; and the bundled clip
tracked by `nano`, with ten exchanges, one at a time. Once the two who come nearest to each other
exchange their identities there, once any two of those seen do. Where a tracker ran, its trace is
read, too.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Final

import numpy as np
import torch

from trackformer import Tracker, load_model, optimize_for_inference
from trackformer.data.annotations import AnnotatedSequence
from trackformer.data.synthetic.dataset import synthetic_data
from trackformer.data.synthetic.settings import SyntheticSettings
from trackformer.demo_clip import clip_file
from trackformer.inspecting.moments import suspicious_moments
from trackformer.inspecting.paths import paths_of
from trackformer.inspecting.run_folder import Seen
from trackformer.models.trackformer import TrackFormer
from trackformer.tracking.tracing.reading import TRACE_NAME, open_trace_file
from trackformer.tracking.tracing.records import RunNames, TracedFrame, TraceHeader
from trackformer.tracking.tracing.writing import Trace
from trackformer.video.sources import open_source

CLIPS: Final = 10
FIRST: Final = 5
NEAR: Final = 8
"""Frames by which a moment may miss the planted one."""
TRIES: Final = 1000
"""Frames drawn to find two who are seen together."""
MARGIN: Final = 10
"""Frames at both ends in which nothing is planted."""
TREMBLING: Final = 0.02
"""Standard deviation of every side of a box, in box sizes."""

Frames = list[dict[int, Seen]]


@dataclass(frozen=True, slots=True)
class Result:
    """What was tracked in one clip."""

    frames: Frames
    traced: list[TracedFrame]
    """Empty where no tracker ran."""


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of planted fault."""

    what: str
    found: int
    """Clips in which the fault is among the first moments."""
    clips: int
    ranks: str
    """Of the fault in each clip, from 1; - where it is no moment at all."""


def measure() -> list[Row]:
    """All kinds; two minutes."""
    torch.set_num_threads(1)
    settings = SyntheticSettings(skill="lookalikes", difficulty=3, sequences=CLIPS, frames=80)
    model = optimize_for_inference(load_model("nano-open"))
    ranks: dict[str, list[int | None]] = {}
    for number, sequence in enumerate(synthetic_data(settings).sequences):
        random = np.random.default_rng(number)
        results = {
            "imitated": Result(list(_imitated(sequence, random)), []),
            "tracked": _tracked(model, (each.read_pixels() for each in sequence.frames)),
        }
        for how, result in results.items():
            frames = result.frames
            for where, planted in (
                ("at the nearest meeting", _nearest(frames)),
                ("anywhere", _any(frames, random)),
            ):
                ranks.setdefault(f"{how}, {where}", []).append(_rank(result, planted))
    ranks["bundled clip, anywhere"] = list(_on_the_bundled_clip())
    return [
        Row(
            f"identities exchanged, {what}",
            sum(rank is not None and rank <= FIRST for rank in own),
            len(own),
            " ".join("-" if rank is None else str(rank) for rank in own),
        )
        for what, own in ranks.items()
    ]


def _tracked(model: TrackFormer, images: Iterable[np.ndarray]) -> Result:
    frames = []
    header = TraceHeader(RunNames(), {}, ("person",), model.embedding_size, None)
    with tempfile.TemporaryDirectory() as folder:
        with Trace(Path(folder) / TRACE_NAME, header) as trace:
            tracker = Tracker(model, trace=trace)
            for pixels in images:
                seen = tracker.update(pixels)
                boxes, scores = seen.boxes_xyxy, seen.scores.tolist()
                rows = zip(seen.track_ids.tolist(), boxes, scores, strict=True)
                frames.append(
                    {each: Seen(np.asarray(box), score, "person") for each, box, score in rows}
                )
        return Result(frames, list(open_trace_file(Path(folder)).frames()))


def _on_the_bundled_clip() -> Iterator[int | None]:
    with clip_file() as path, open_source(path) as source:
        model = optimize_for_inference(load_model("nano"))
        result = _tracked(model, (frame.pixels for frame in source))
    for number in range(CLIPS):
        yield _rank(result, _any(result.frames, np.random.default_rng(number)))


def _imitated(
    sequence: AnnotatedSequence, random: np.random.Generator
) -> Iterator[dict[int, Seen]]:
    for frame in sequence.frames:
        sizes = np.tile(frame.boxes_xyxy[:, 2:] - frame.boxes_xyxy[:, :2], 2)
        boxes = frame.boxes_xyxy + TREMBLING * sizes * random.standard_normal(sizes.shape)
        rows = np.flatnonzero(frame.visibility >= 0.5).tolist()
        yield {int(frame.track_ids[row]): Seen(boxes[row], 0.8, "person") for row in rows}


def _nearest(frames: Sequence[Mapping[int, Seen]]) -> tuple[int, int, int]:
    """Frame and identities of the nearest meeting of two who part again."""
    best = (np.inf, 0, 0, 0)
    for (first_id, first), (second_id, second) in combinations(paths_of(frames).items(), 2):
        start = max(first.start, second.start) + MARGIN
        end = min(first.end, second.end) - MARGIN
        if start >= end:
            continue
        times = np.arange(start, end)
        apart = np.linalg.norm(first.between(times) - second.between(times), axis=1)
        apart = apart / (first.heights.mean() + second.heights.mean())
        frame = int(apart.argmin())
        best = min(best, (float(apart[frame]), int(times[frame]), first_id, second_id))
    return best[1], best[2], best[3]


def _any(frames: Sequence[Mapping[int, Seen]], random: np.random.Generator) -> tuple[int, int, int]:
    """A frame, and two who are seen before, in and after it; zeros where there are none."""
    for _ in range(TRIES):
        frame = int(random.integers(MARGIN, len(frames) - MARGIN))
        seen = set(frames[frame]) & set(frames[frame - 5]) & set(frames[frame + 5])
        if len(seen) >= 2:
            first, second = random.choice(sorted(seen), 2, replace=False).tolist()
            return frame, first, second
    return 0, 0, 0


def _rank(result: Result, planted: tuple[int, int, int]) -> int | None:
    start, first, second = planted
    swap: dict[int | None, int] = {first: second, second: first}
    exchanged = [
        {swap.get(each, each) if index >= start else each: seen for each, seen in frame.items()}
        for index, frame in enumerate(result.frames)
    ]
    traced = [
        _renamed(frame, swap) if frame.frame_index >= start else frame for frame in result.traced
    ]
    for rank, moment in enumerate(suspicious_moments(exchanged, traced), start=1):
        is_theirs = bool({first, second} & set(moment.track_ids))
        if is_theirs and abs(moment.frame - start) <= NEAR:
            return rank
    return None


def _renamed(frame: TracedFrame, names: Mapping[int | None, int]) -> TracedFrame:
    """A traced frame whose identities are called otherwise."""
    queries = (
        replace(
            query,
            track_id=names.get(query.track_id, query.track_id),
            decisions=tuple(
                replace(each, other_track=names.get(each.other_track, each.other_track))
                for each in query.decisions
            ),
        )
        for query in frame.queries
    )
    return replace(frame, queries=tuple(queries))


if __name__ == "__main__":
    for row in measure():
        print(f"{row.what}: {row.found} of {row.clips} ({row.ranks})")
