"""What the inspector's page shows of a run: records that become JSON (torch-free)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from trackformer.errors import DataError
from trackformer.evaluation.failures.switches import Switch
from trackformer.inspecting.moments import suspicious_moments
from trackformer.inspecting.run_folder import RunFolder
from trackformer.inspecting.words import in_words, origin_in_words
from trackformer.tracking.tracing.records import Box, TracedFrame, TracedQuery

ENDS: Final = ("given up", "crowded out", "replaced", "deleted", "empty")


@dataclass(frozen=True, slots=True)
class Looked:
    """Where a query looked, in pixels, and whom it attended to."""

    points: tuple[tuple[float, float, float], ...]
    """x, y, and the weight relative to the largest."""
    others: str
    """The queries it attended to most, in words."""


@dataclass(frozen=True, slots=True)
class Reasons:
    """Why an identity is what it is in a frame; boxes are left, top, right, bottom in pixels."""

    origin: str
    reasons: tuple[str, ...]
    reference: tuple[float, ...] | None
    layers: tuple[tuple[float, ...], ...]
    """Score and box after each decoder layer."""
    points: tuple[tuple[float, float, float], ...] = ()
    others: str = ""


@dataclass(frozen=True, slots=True)
class MomentContent:
    """Something to click on."""

    frame: int
    ids: tuple[int, ...]
    text: str
    kind: str = ""
    severity: float = 0.0


@dataclass(frozen=True, slots=True)
class RunContent:
    """Everything about one run."""

    name: str
    traced: bool
    frames: tuple[tuple[tuple[int | float, ...], ...], ...]
    """Per frame: id, left, top, right, bottom, score."""
    ends: Mapping[int, int]
    """When an identity was given up, where the trace says so."""
    why: Mapping[int, Mapping[int, Reasons]]
    """By frame and identity."""
    moments: tuple[MomentContent, ...]
    switches: tuple[MomentContent, ...]


def content_of(
    run: RunFolder,
    name: str,
    switches: Sequence[Switch] = (),
    looked: Mapping[tuple[int, int], Looked] | None = None,
) -> RunContent:
    """Everything that the page says of a run.

    Args:
        run: Its files.
        name: What to call it.
        switches: Those that a ground truth shows.
        looked: By frame and identity, as far as a model was asked again.
    """
    traced = [] if run.trace is None else list(run.trace.frames())
    for frame in traced:
        _check_same_run(frame, run)
    return RunContent(
        name=name,
        traced=run.trace is not None,
        frames=tuple(
            tuple(
                (track_id, *(round(float(side), 1) for side in each.box_xyxy), each.score)
                for track_id, each in sorted(frame.items())
            )
            for frame in run.frames
        ),
        ends=_ends(traced),
        why={frame.frame_index: _reasons(frame, looked or {}) for frame in traced},
        moments=tuple(
            MomentContent(
                each.frame, each.track_ids, each.described(), each.kind, round(each.severity, 3)
            )
            for each in suspicious_moments(run.frames, traced)
        ),
        switches=tuple(_of_switch(each) for each in switches),
    )


def _check_same_run(frame: TracedFrame, run: RunFolder) -> None:
    """Tracks may have been written anew, or joined afterwards: reasons would be of others."""
    written = run.frames[frame.frame_index] if frame.frame_index < len(run.frames) else {}
    strangers = set(written) - {query.track_id for query in frame.queries}
    if strangers or frame.frame_index >= len(run.frames):
        raise DataError(
            f"{run.folder}: expected the trace of these tracks, got one that knows nothing of "
            f"#{min(strangers, default=0)} in frame {frame.frame_index}; trace the run again, "
            "without --offline"
        )


def _ends(frames: Sequence[TracedFrame]) -> dict[int, int]:
    return {
        query.track_id: frame.frame_index
        for frame in frames
        for query in frame.queries
        if query.track_id is not None and query.decisions[-1].rule in ENDS
    }


def _reasons(frame: TracedFrame, looked: Mapping[tuple[int, int], Looked]) -> dict[int, Reasons]:
    return {
        query.track_id: _of_query(frame, query, looked.get((frame.frame_index, query.track_id)))
        for query in frame.queries
        if query.track_id is not None
    }


def _of_query(frame: TracedFrame, query: TracedQuery, looked: Looked | None) -> Reasons:
    return Reasons(
        origin=origin_in_words(query),
        reasons=tuple(in_words(each) for each in query.decisions),
        reference=_in_pixels(query.reference, frame.image_size),
        layers=tuple(
            (round(each.score, 5), *(_in_pixels(each.box, frame.image_size) or ()))
            for each in query.layers
        ),
        points=() if looked is None else looked.points,
        others="" if looked is None else looked.others,
    )


def _in_pixels(box: Box | None, image_size: tuple[int, int]) -> tuple[float, ...] | None:
    """Left, top, right, bottom; None for points, which are no boxes."""
    if box is None or len(box) != 4:
        return None
    height, width = image_size
    x, y, w, h = box
    sides = (x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height
    return tuple(round(side, 1) for side in sides)


def _of_switch(switch: Switch) -> MomentContent:
    ids = switch.old_track, switch.new_track
    text = f"object {switch.object_id}: #{ids[0]} becomes #{ids[1]} ({switch.cause})"
    return MomentContent(switch.frame - 1, ids, text)
