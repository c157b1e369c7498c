"""Which moments of a run look like mistakes, judged without ground truth (torch-free).

People and things go on as they went: an identity that does not, or that another one explains
better, is worth a look. Distances are in heights of the boxes concerned, so that near and far, slow
and fast videos are judged alike.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final, Literal, TypeAlias

import numpy as np
from jaxtyping import Float

from trackformer.inspecting.paths import Path, paths_of
from trackformer.inspecting.run_folder import Seen
from trackformer.tracking.tracing.records import TracedFrame

Kind: TypeAlias = Literal[
    "exchange", "takeover", "jump", "two on one", "held back", "back elsewhere", "new one"
]
MEANINGS: Final[Mapping[Kind, str]] = {
    "exchange": "two identities met, and each went on as the other had come",
    "takeover": "an identity jumped to where another one was going",
    "jump": "an identity jumped",
    "two on one": "two identities have the same box for a while",
    "held back": "two tracks were on one object: the second was surer, and the first was lost",
    "back elsewhere": "an identity came back where its way does not lead",
    "new one": "an identity began where another one was just lost",
}
NEAR: Final = 1.2
"""Heights between two centres from which two identities may be mistaken for each other."""
FARTHEST_JUMP: Final = 0.25
"""Heights by which a box may miss its way from one frame to the next."""
SAME_BOX: Final = 0.6
"""Overlap of two boxes on one object."""
LONG: Final = 6
"""Frames from which two on one object are no passing by."""
BACK_AGAIN: Final = 0.5
"""How much less it matters that a track was held back, if it was seen again."""
LONGEST_MEETING: Final = 25
"""Frames that two identities may be near each other, or lost, to be asked who is who."""
APART: Final = 12
"""Frames within which moments of the same identities are one."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Something worth a look."""

    kind: Kind
    frame: int
    """0-based."""
    track_ids: tuple[int, ...]
    severity: float
    """0 and more; above 1 is hard to explain otherwise."""

    def described(self) -> str:
        """One line, with ids."""
        who = " and ".join(f"#{track_id}" for track_id in self.track_ids)
        return f"{who}: {MEANINGS[self.kind]}"


def suspicious_moments(
    frames: Sequence[Mapping[int, Seen]], traced: Iterable[TracedFrame] = ()
) -> tuple[Moment, ...]:
    """All doubtful moments, the worst first; those of the same identities only once a while.

    Args:
        frames: What is seen in each frame, by identity.
        traced: The trace of the run, if there is one: of two tracks on one object the tracker shows
            the surer one only, so that the boxes do not tell.
    """
    paths = paths_of(frames)
    found = [
        *_jumps(paths),
        *_exchanges(paths),
        *_two_on_one(paths),
        *_held_back(paths, traced),
        *_new_ones(paths),
    ]
    kept: list[Moment] = []
    for moment in sorted(found, key=lambda each: (-each.severity, each.frame, each.track_ids)):
        if not any(_is_same(moment, other) for other in kept):
            kept.append(moment)
    return tuple(kept)


def _is_same(moment: Moment, other: Moment) -> bool:
    is_near = abs(moment.frame - other.frame) <= APART
    return is_near and set(moment.track_ids) <= set(other.track_ids)


def _jumps(paths: Mapping[int, Path]) -> Iterator[Moment]:
    """Where an identity is not where its way led."""
    for track_id, path in paths.items():
        for row in range(2, len(path.frames)):
            frame = int(path.frames[row])
            gap = frame - int(path.frames[row - 1])
            missed = float(np.linalg.norm(path.expected(frame, before=frame) - path.centres[row]))
            height = float(path.heights[row - 1 : row + 1].mean())
            grown = abs(float(np.log(path.heights[row] / path.heights[row - 1])))
            # In a gap anything may turn around: what is allowed grows with its root.
            severity = (missed / height + 0.5 * grown) / (3 * FARTHEST_JUMP * gap**0.5)
            if severity < 1 / 3:
                continue
            other = _expected_there(paths, track_id, frame, path)
            if other is not None:
                yield Moment("takeover", frame, (track_id, other), 1.5 * severity)
            else:
                kind: Kind = "jump" if gap == 1 else "back elsewhere"
                yield Moment(kind, frame, (track_id,), severity)


def _expected_there(paths: Mapping[int, Path], track_id: int, frame: int, path: Path) -> int | None:
    """The other identity that should be where this one is now."""
    place, height = path.at(frame), path.height_at(frame)
    for other_id, other in paths.items():
        if other_id == track_id or not other.was_there(frame, within=3):
            continue
        if np.linalg.norm(other.expected(frame, before=frame) - place) < 0.4 * height:
            return other_id
    return None


def _exchanges(paths: Mapping[int, Path]) -> Iterator[Moment]:
    """Where two identities that met explain each other's way better than their own."""
    for (first_id, first), (second_id, second) in combinations(paths.items(), 2):
        best: Moment | None = None
        for frame in _meetings(first, second):
            severity = _exchanged(first, second, frame)
            if severity > max(0.2, best.severity if best else 0):
                best = Moment("exchange", frame, (first_id, second_id), severity)
        if best is not None:
            yield best


def _meetings(first: Path, second: Path) -> list[int]:
    """Frames in which two identities are near each other, or would be if they were seen."""
    start, end = max(first.start, second.start) + 3, min(first.end, second.end) - 2
    if start >= end:
        return []
    frames = np.arange(start, end)
    distance = np.linalg.norm(first.between(frames) - second.between(frames), axis=1)
    heights = (first.heights.mean() + second.heights.mean()) / 2
    return [int(frame) for frame in frames[distance < NEAR * heights]]


def _exchanged(first: Path, second: Path, frame: int) -> float:
    """How much better the ways fit with the identities exchanged from a frame on, in heights.

    Half a second's way before and after is compared: straight lines cross, faces turn back.
    """
    errors = np.zeros((2, 2))
    for row, before in enumerate((first, second)):
        line = before.line(frame, last=True)
        for column, after in enumerate((first, second)):
            onward = after.line(frame, last=False)
            if line is None or onward is None:
                return 0.0
            errors[row, column] = line.distance_to(onward)
    height = (first.heights.mean() + second.heights.mean()) / 2
    kept, exchanged = np.trace(errors), np.trace(errors[::-1])
    return float((kept - exchanged) / height)


def _two_on_one(paths: Mapping[int, Path]) -> Iterator[Moment]:
    """Where two identities have nearly the same box in several frames."""
    for (first_id, first), (second_id, second) in combinations(paths.items(), 2):
        both = np.intersect1d(first.frames, second.frames)
        if len(both) == 0:
            continue
        overlap = _overlap(first.boxes_at(both), second.boxes_at(both))
        same = both[overlap > SAME_BOX]
        if len(same) >= 2:
            severity = float(overlap.max() * min(1.0, len(same) / LONG))
            yield Moment("two on one", int(same[0]), (first_id, second_id), severity)


def _held_back(paths: Mapping[int, Path], traced: Iterable[TracedFrame]) -> Iterator[Moment]:
    """Where a track was lost because another one had nearly the same box and was surer."""
    found: dict[tuple[int, int], list[tuple[int, float]]] = defaultdict(list)
    for frame in traced:
        for query in frame.queries:
            for decision in query.decisions:
                track_id, other_id = query.track_id, decision.other_track
                is_held = decision.rule == "suppressed"
                if is_held and track_id is not None and other_id is not None:
                    found[track_id, other_id].append((frame.frame_index, decision.value or 0.0))
    for (track_id, other_id), times in found.items():
        start, last = times[0][0], times[-1][0]
        overlap = max(value for _, value in times)
        severity = overlap * min(1.0, len(times) / LONG)
        if track_id in paths and paths[track_id].end > last:
            severity *= BACK_AGAIN
        yield Moment("held back", start, (track_id, other_id), severity)


def _new_ones(paths: Mapping[int, Path]) -> Iterator[Moment]:
    """Births where another identity was just lost, or which it would have reached."""
    for born_id, born in paths.items():
        if born.start == 0:
            continue
        for lost_id, lost in paths.items():
            gone = lost.last_before(born.start)
            if lost_id == born_id or gone is None or lost.is_seen(born.start):
                continue
            gap = born.start - gone
            if gap > LONGEST_MEETING:
                continue
            missed = np.linalg.norm(lost.expected(born.start, before=born.start) - born.centres[0])
            closeness = 1 - missed / (NEAR * born.heights[0])
            if closeness > 0:
                never_back = lost.end < born.start
                share = min(1.0, len(born.frames) / 8) * (1.0 if never_back else 0.6)
                severity = float(closeness * share * (1 - gap / (2 * LONGEST_MEETING)))
                yield Moment("new one", born.start, (born_id, lost_id), severity)


def _overlap(
    first: Float[np.ndarray, "F 4"], second: Float[np.ndarray, "F 4"]
) -> Float[np.ndarray, " F"]:
    """Intersection over union of the boxes in the same row."""
    low, high = np.maximum(first[:, :2], second[:, :2]), np.minimum(first[:, 2:], second[:, 2:])
    common = (high - low).clip(min=0).prod(axis=1)
    areas = [(boxes[:, 2:] - boxes[:, :2]).clip(min=0).prod(axis=1) for boxes in (first, second)]
    union = areas[0] + areas[1] - common
    shares: Float[np.ndarray, " F"] = common / np.maximum(union, 1e-9)
    return shares
