"""What a trace says of a frame, and how it is written as a line of JSON (torch-free)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, TypeAlias

VERSION: Final = 1

Box: TypeAlias = tuple[float, ...]
"""Relative cxcywh of the image; of a reference, x and y alone where it is a point."""
Origin: TypeAlias = Literal["track", "lost", "object", "proposal"]


@dataclass(frozen=True, slots=True)
class RunNames:
    """What an explanation must load to look at the same frames again."""

    model: str | None = None
    """As `load_model` takes it."""
    source: str | None = None
    """As `open_source` takes it."""


@dataclass(frozen=True, slots=True)
class TraceHeader:
    """The first line of a trace."""

    names: RunNames
    settings: dict[str, Any]
    """Of `TrackerSettings`."""
    class_names: tuple[str, ...]
    embedding_size: int
    """C, the width of a row of `trace_queries.f32`."""
    frame_rate: float | None
    """Frames per second, where the source says."""


@dataclass(frozen=True, slots=True)
class TracedDecision:
    """`tracking.lifecycle.decisions.Decision`, as written."""

    rule: str
    setting: str | None
    value: float | None
    threshold: float | None
    other: int | None
    """Row of the other query."""
    other_track: int | None
    """Its identity, where it has one."""


@dataclass(frozen=True, slots=True)
class TracedLayer:
    """What a query answered after a decoder layer."""

    score: float
    box: Box


@dataclass(frozen=True, slots=True)
class TracedQuery:
    """One query of a frame."""

    row: int
    """Track queries first, then object queries."""
    origin: Origin
    track_id: int | None
    """Of the track asked about, or of the one that it began."""
    label: int
    last_box: Box | None
    """Where the track was last seen."""
    reference: Box | None
    """Where the query began: for tracks, the last box moved on."""
    layers: tuple[TracedLayer, ...]
    """After each decoder layer that answers; the last is the answer."""
    decisions: tuple[TracedDecision, ...]
    """In their order; the last says what became of it."""


@dataclass(frozen=True, slots=True)
class TracedFrame:
    """One frame: all track queries, and the object queries that mattered."""

    frame_index: int
    image_size: tuple[int, int]
    """(height, width) in pixels."""
    num_queries: int
    track_ids: tuple[int, ...]
    """Asked about, row by row."""
    frames_missed: tuple[int, ...]
    """Of these, before the frame."""
    first_row: int
    """Of `trace_queries.f32`: where the embeddings of the track queries begin."""
    queries: tuple[TracedQuery, ...]


def header_as_json(header: TraceHeader) -> dict[str, Any]:
    """For the first line."""
    return {"trackformer_trace": VERSION} | asdict(header)


def header_from_json(record: dict[str, Any]) -> TraceHeader:
    """The inverse; KeyError or TypeError where it is none."""
    if record["trackformer_trace"] != VERSION:
        raise KeyError("trackformer_trace")
    return TraceHeader(
        names=RunNames(**record["names"]),
        settings=record["settings"],
        class_names=tuple(record["class_names"]),
        embedding_size=record["embedding_size"],
        frame_rate=record["frame_rate"],
    )


def frame_as_json(frame: TracedFrame) -> dict[str, Any]:
    """For a line; lists of numbers where names would fill the disk."""
    return {
        "frame_index": frame.frame_index,
        "image_size": frame.image_size,
        "num_queries": frame.num_queries,
        "track_ids": frame.track_ids,
        "frames_missed": frame.frames_missed,
        "first_row": frame.first_row,
        "queries": [_query_as_json(query) for query in frame.queries],
    }


def frame_from_json(record: dict[str, Any]) -> TracedFrame:
    """The inverse; KeyError or TypeError where it is none."""
    height, width = record["image_size"]
    return TracedFrame(
        frame_index=record["frame_index"],
        image_size=(height, width),
        num_queries=record["num_queries"],
        track_ids=tuple(record["track_ids"]),
        frames_missed=tuple(record["frames_missed"]),
        first_row=record["first_row"],
        queries=tuple(_query_from_json(query) for query in record["queries"]),
    )


def _query_as_json(query: TracedQuery) -> dict[str, Any]:
    return {
        "row": query.row,
        "origin": query.origin,
        "track_id": query.track_id,
        "label": query.label,
        "last_box": _rounded(query.last_box),
        "reference": _rounded(query.reference),
        "layers": [[round(each.score, 5), *_rounded(each.box)] for each in query.layers],
        # In full: replayed with the threshold at the value, a decision must change.
        "decisions": [
            {key: value for key, value in asdict(each).items() if value is not None}
            for each in query.decisions
        ],
    }


def _query_from_json(record: dict[str, Any]) -> TracedQuery:
    names = ("setting", "value", "threshold", "other", "other_track")
    return TracedQuery(
        row=record["row"],
        origin=record["origin"],
        track_id=record["track_id"],
        label=record["label"],
        last_box=None if record["last_box"] is None else tuple(record["last_box"]),
        reference=None if record["reference"] is None else tuple(record["reference"]),
        layers=tuple(TracedLayer(score, tuple(box)) for score, *box in record["layers"]),
        decisions=tuple(
            TracedDecision(each["rule"], *(each.get(name) for name in names))
            for each in record["decisions"]
        ),
    )


def _rounded(box: Box | None) -> Any:
    """To a fiftieth of a pixel of a frame of 1000."""
    return None if box is None else [round(side, 5) for side in box]
