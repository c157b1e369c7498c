"""What a tracker did wrong, the most expensive first: identity switches and misses together."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Literal

from trackformer.atomic_files import whole_file
from trackformer.data.annotations import AnnotatedSequence
from trackformer.evaluation.failures.costs import switch_costs
from trackformer.evaluation.failures.misses import Miss, MissCause, find_misses
from trackformer.evaluation.failures.switches import Cause, Switch, find_switches
from trackformer.evaluation.metrics.tracking import MatchedSequence

Kind = Literal["switch", "miss"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One identity switch or one miss; ids and frames as in the files, from 1."""

    kind: Kind
    cause: Cause | MissCause
    sequence: str
    object_id: int
    frame: int
    """Where it happens: the first with the new track, the first that is missed."""
    last_frame: int
    """Of a miss; that of a switch is `frame`."""
    last_matched_frame: int | None
    """The last one before in which the object was matched."""
    old_track: int | None
    new_track: int | None
    """Before and after; None where there is none."""
    boxes: int
    """Of the object, missed or with another identity than its own (see `switch_costs`)."""
    cost: float
    """These boxes, each counted by its visible share, [0, boxes]."""


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """All failures of one cause, the most expensive first."""

    kind: Kind
    cause: Cause | MissCause
    failures: tuple[Failure, ...]

    @property
    def boxes(self) -> int:
        """Of all of them."""
        return sum(failure.boxes for failure in self.failures)

    @property
    def cost(self) -> float:
        """Of all of them."""
        return sum(failure.cost for failure in self.failures)


def find_failures(sequence: AnnotatedSequence, matched: MatchedSequence) -> tuple[Failure, ...]:
    """Every switch and every miss of a sequence, in no particular order."""
    pairs = zip(find_switches(sequence, matched), switch_costs(sequence, matched), strict=True)
    switches = tuple(
        _failure("switch", each, each.frame, cost.boxes, cost.cost) for each, cost in pairs
    )
    return switches + tuple(
        _failure("miss", each, each.last_frame, each.last_frame - each.frame + 1, each.cost)
        for each in find_misses(sequence, matched)
    )


def worst_first(failures: Sequence[Failure]) -> tuple[Failure, ...]:
    """By cost, then by boxes; of equals, those of earlier frames first."""
    return tuple(
        sorted(failures, key=lambda entry: (-entry.cost, -entry.boxes, entry.sequence, entry.frame))
    )


def grouped(failures: Sequence[Failure]) -> tuple[FailureGroup, ...]:
    """By cause, the largest cost first."""
    causes = dict.fromkeys((failure.kind, failure.cause) for failure in failures)
    groups = [
        FailureGroup(
            kind,
            cause,
            worst_first(
                [entry for entry in failures if (entry.kind, entry.cause) == (kind, cause)]
            ),
        )
        for kind, cause in causes
    ]
    return tuple(sorted(groups, key=lambda group: (-group.cost, -group.boxes)))


def write_failures(
    failures: Sequence[Failure], pictures: Mapping[Failure, str], path: Path
) -> None:
    """A CSV file with a row for each failure, and its picture where it has one.

    Raises:
        DataError: The file cannot be written.
    """
    with whole_file(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [*(field.name for field in fields(Failure)), "picture"])
        writer.writeheader()
        for failure in failures:
            row = asdict(failure) | {"cost": f"{failure.cost:.2f}"}
            writer.writerow(row | {"picture": pictures.get(failure, "")})


def _failure(kind: Kind, found: Switch | Miss, last_frame: int, boxes: int, cost: float) -> Failure:
    return Failure(
        kind=kind,
        cause=found.cause,
        sequence=found.sequence,
        object_id=found.object_id,
        frame=found.frame,
        last_frame=last_frame,
        last_matched_frame=found.last_matched_frame,
        old_track=found.old_track,
        new_track=found.new_track,
        boxes=boxes,
        cost=cost,
    )
