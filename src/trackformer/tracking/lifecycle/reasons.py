"""What a step told, as decisions: one query, one rule, and the two numbers that were compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import assert_never

import torch

from trackformer.boxes import pairwise_iou
from trackformer.tracking.lifecycle.decisions import (
    BirthsScored,
    Born,
    Crowded,
    Decision,
    FoundAgain,
    PlacesTaken,
    PublicAsked,
    Replaced,
    Rule,
    Started,
    Suppressed,
    Told,
    TracksScored,
    Waited,
)
from trackformer.tracking.lifecycle.tracks import UNANSWERED


def decisions_of(told: Sequence[Told], track_ids: Sequence[int]) -> tuple[Decision, ...]:
    """The decisions of one step, in the order in which they were taken.

    Args:
        told: Everything that `advance` told its listener in this step.
        track_ids: Of the tracks before the step: their queries are the first rows.
    """
    began = (each for each in told if isinstance(each, Started | Born))
    born = tuple(row for each in began for row in each.rows.tolist())
    rows = _Rows(tuple(track_ids), born)
    return tuple(decision for each in told for decision in _decisions(each, rows))


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows of the predictions."""

    track_ids: tuple[int, ...]
    born: tuple[int, ...]

    def of_state(self, row: int) -> int:
        """Of a row of the state: behind the tracks of before stand the born."""
        return row if row < len(self.track_ids) else self.born[row - len(self.track_ids)]

    def of_ids(self, ids: Sequence[int]) -> dict[int, int]:
        """Of identities, of which the new ones are the born, in their order."""
        known = {track_id: row for row, track_id in enumerate(self.track_ids)}
        new = [track_id for track_id in ids if track_id not in known]
        return known | dict(zip(new, self.born, strict=False))


def _decisions(told: Told, rows: _Rows) -> Iterator[Decision]:  # noqa: C901 - one table
    match told:
        case TracksScored():
            yield from _tracks_scored(told)
        case BirthsScored():
            yield from _births_scored(told)
        case PublicAsked():
            yield from (
                Decision(row, Rule.NOT_PUBLIC) for row in told.rows[~told.is_allowed].tolist()
            )
        case PlacesTaken():
            yield from _places_taken(told)
        case Suppressed():
            yield from _suppressed(told, rows)
        case FoundAgain():
            yield from _found_again(told, rows)
        case Started():
            began = zip(told.rows.tolist(), told.overlap.tolist(), strict=True)
            yield from (Decision(row, Rule.STARTED, value=overlap) for row, overlap in began)
        case Replaced():
            yield from _replaced(told)
        case Born():
            yield from (Decision(row, Rule.BORN) for row in told.rows.tolist())
        case Waited():
            yield from _waited(told)
        case Crowded():
            yield from _crowded(told, rows)
        case _:
            assert_never(told)


def _tracks_scored(told: TracksScored) -> Iterator[Decision]:
    columns = told.scores, told.thresholds, told.was_lost, told.is_above
    for row, (score, threshold, was_lost, is_above) in enumerate(
        zip(*(column.tolist() for column in columns), strict=True)
    ):
        above = Rule.BACK_BY_QUERY if was_lost else Rule.KEPT
        setting = "reid_score" if was_lost else "keep_score"
        yield Decision(row, above if is_above else Rule.BELOW, setting, score, threshold)


def _births_scored(told: BirthsScored) -> Iterator[Decision]:
    """Of those that are sure enough nothing is decided yet."""
    for row in torch.nonzero(~told.is_above)[:, 0].tolist():
        score = float(told.scores[row])
        yield Decision(told.num_tracks + row, Rule.NOT_BORN, "birth_score", score, told.threshold)


def _places_taken(told: PlacesTaken) -> Iterator[Decision]:
    for index in torch.nonzero(~told.is_free)[:, 0].tolist():
        most = int(told.overlap[index].argmax())
        yield Decision(
            int(told.rows[index]),
            Rule.ON_A_TRACK,
            "birth_nms_iou",
            float(told.overlap[index, most]),
            told.threshold,
            int(told.occupants[most]),
        )


def _replaced(told: Replaced) -> Iterator[Decision]:
    for index in torch.nonzero(told.is_replaced)[:, 0].tolist():
        most = int(told.overlap[index].argmax())
        yield Decision(
            int(told.rows[index]),
            Rule.REPLACED,
            "birth_nms_iou",
            float(told.overlap[index, most]),
            told.threshold,
            int(told.started[most]),
        )


def _suppressed(told: Suppressed, rows: _Rows) -> Iterator[Decision]:
    overlap = pairwise_iou(told.boxes_xyxy, told.boxes_xyxy)
    for index in torch.nonzero(~told.stays)[:, 0].tolist():
        # Of those that stay and are no worse, the one that covers it most.
        is_better = told.stays & (told.scores >= told.scores[index])
        most = int(overlap[index].masked_fill(~is_better, -1).argmax())
        row, other = int(told.rows[index]), int(told.rows[most])
        if told.deletes:
            row, other = rows.of_state(row), rows.of_state(other)
        yield Decision(
            row,
            _suppression(told, row, other, len(rows.track_ids)),
            told.setting,
            float(overlap[index, most]),
            told.threshold,
            other,
        )


def _suppression(told: Suppressed, row: int, other: int, num_tracks: int) -> Rule:
    if row >= num_tracks:
        return Rule.ON_A_TRACK if other < num_tracks else Rule.ON_A_BIRTH
    return Rule.DELETED if told.deletes else Rule.SUPPRESSED


def _found_again(told: FoundAgain, rows: _Rows) -> Iterator[Decision]:
    known = rows.of_ids(())
    by_embedding = told.setting == "reid_embedding_distance"
    rule = Rule.BACK_BY_EMBEDDING if by_embedding else Rule.BACK_BY_DISTANCE
    for index, (track_id, column) in enumerate(
        zip(told.ids.tolist(), told.columns.tolist(), strict=True)
    ):
        if column == UNANSWERED:
            continue
        value = float(told.distance[index, column])
        row, other = known[track_id], int(told.rows[column])
        setting = None if told.largest is None else told.setting
        yield Decision(row, rule, setting, value, told.largest, other)
        yield Decision(other, Rule.BRINGS_BACK, setting, value, told.largest, row)


def _waited(told: Waited) -> Iterator[Decision]:
    is_lost = told.setting != "termination_steps"
    waiting = Rule.LOST if is_lost else Rule.WAITING
    for row, missed, goes_on in zip(
        told.rows.tolist(), told.missed.tolist(), told.goes_on.tolist(), strict=True
    ):
        if not goes_on and missed <= told.limit:
            # Nothing was compared: no threshold would have kept a box without area.
            yield Decision(row, Rule.EMPTY)
        else:
            rule = waiting if goes_on else Rule.GIVEN_UP
            yield Decision(row, rule, told.setting, float(missed), float(told.limit))


def _crowded(told: Crowded, rows: _Rows) -> Iterator[Decision]:
    ids = told.before.tolist()
    places = rows.of_ids(ids)
    for track_id in sorted(set(ids) - set(told.after.tolist())):
        yield Decision(
            places[track_id],
            Rule.CROWDED_OUT,
            "max_tracks",
            float(len(ids)),
            float(told.max_tracks),
        )
