"""What a query answers when another query is not asked, or a region is greyed out.

Attention says what was read; only leaving something out says what it did.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import torch
from jaxtyping import Float, Int
from torch import Tensor

from trackformer.boxes import cxcywh_to_xyxy, paired_iou, pairwise_giou
from trackformer.inspecting.asked_again import Asked, AskedAgain, Pixels
from trackformer.tracking.tracing.records import TracedFrame
from trackformer.types import ModelOutput

MOST_TOLD: Final = 3
"""Track queries, and object queries, that are told of."""
MOST_TRIED: Final = 4
"""Object queries, of those attended to most and of those with the nearest boxes, that are left out
in order to tell of those without which most changes."""
GREY: Final = 114
"""What a region is painted with to ask whether it mattered."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a query answers when something is left out."""

    without: str
    score: float
    overlap: float
    """IoU of its box with the one that it had answered."""


def changes(again: AskedAgain, asked: Asked, row: int) -> Iterator[Change]:
    """Leave out what may have mattered to one query, one thing at a time.

    First the queries of the tracks with the nearest boxes, then those object queries without which
    most changes, then what is seen in its own box and in the nearest track's. All other queries are
    asked as they were.

    Args:
        again: The run.
        asked: One frame of it.
        row: Of the query.
    """
    num_tracks = len(asked.frame.track_ids)
    nearness = _nearness(asked.output, row)
    tracks = [
        each for each in nearness[:num_tracks].argsort(descending=True).tolist() if each != row
    ]
    yield from (_without_query(again, asked, row, other) for other in tracks[:MOST_TOLD])
    yield from _object_queries(again, asked, row, nearness[num_tracks:])
    regions = {"its own box": row} | {
        f"the box of {name_of(other, asked.frame)}": other for other in tracks[:1]
    }
    for name, other in regions.items():
        painted = _greyed(asked.pixels, asked.output.boxes[-1, 0, other])
        memory = again.encode(painted, asked.before)
        output = again.answer(asked, asked.queries, memory)
        yield _change(f"{name} (greyed out)", asked, output, row)


def name_of(row: int, frame: TracedFrame) -> str:
    """Of the query in a row: its identity, if it has or began one."""
    for query in frame.queries:
        if query.row == row and query.track_id is not None:
            return f"#{query.track_id}"
    return f"object query {row}"


def _object_queries(
    again: AskedAgain, asked: Asked, row: int, nearness: Float[Tensor, " N"]
) -> list[Change]:
    """Those that matter most, of those that may."""
    num_tracks = len(asked.frame.track_ids)
    nearest = nearness.topk(min(MOST_TRIED + 1, len(nearness))).indices
    candidates = (num_tracks + torch.cat([_most_read(asked, row), nearest])).tolist()
    found = [
        _without_query(again, asked, row, other)
        for other in dict.fromkeys(candidates)
        if other != row
    ]
    before = _score(asked.output, row)
    found.sort(key=lambda each: abs(each.score - before) + 1 - each.overlap, reverse=True)
    return found[:MOST_TOLD]


def _most_read(asked: Asked, row: int) -> Int[Tensor, " A"]:
    """Object queries that a query attended to most, counted from the first of them."""
    if not asked.looks.to_queries:
        return torch.zeros(0, dtype=torch.long, device=asked.output.boxes.device)
    weights = torch.stack([each[:, row].mean(0) for each in asked.looks.to_queries]).mean(0)
    objects = weights[len(asked.frame.track_ids) :]
    return objects.topk(min(MOST_TRIED, len(objects))).indices


def _without_query(again: AskedAgain, asked: Asked, row: int, other: int) -> Change:
    is_padding = asked.queries.is_padding.clone()
    is_padding[0, other] = True
    output = again.answer(asked, replace(asked.queries, is_padding=is_padding), asked.memory)
    name = name_of(other, asked.frame)
    without = name if name.startswith("object") else f"the query of {name}"
    return _change(without, asked, output, row)


def _change(without: str, asked: Asked, output: ModelOutput, row: int) -> Change:
    boxes = (cxcywh_to_xyxy(each.boxes[-1, 0, [row]].float()) for each in (asked.output, output))
    return Change(without, _score(output, row), float(paired_iou(*boxes)[0]))


def _score(output: ModelOutput, row: int) -> float:
    return float(output.class_scores()[0, row].max())


def _nearness(output: ModelOutput, row: int) -> Float[Tensor, " Q"]:
    """GIoU of all boxes with one: it ranks those apart, too."""
    boxes = cxcywh_to_xyxy(output.boxes[-1, 0].float())
    return pairwise_giou(boxes[[row]], boxes)[0]


def _greyed(pixels: Pixels, box: Float[Tensor, " 4"]) -> Pixels:
    height, width = pixels.shape[:2]
    left, top, right, bottom = cxcywh_to_xyxy(box.float().cpu()).clamp(0, 1).tolist()
    painted = pixels.copy()
    rows = slice(round(top * height), round(bottom * height))
    painted[rows, round(left * width) : round(right * width)] = GREY
    return painted
