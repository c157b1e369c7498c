"""Why a step did what it did: it tells what it compared, and that is read as decisions.

`advance` calls `tell` wherever it decides, with a function that makes the record: the usual
listener is `nobody`, which never calls it, so that nothing is computed in vain. `reasons` names
the query, the rule and the numbers of each record.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, TypeAlias

from jaxtyping import Bool, Float, Int
from torch import Tensor


class Rule(StrEnum):
    """What was decided about a query; a query may meet several, the last is what became of it."""

    KEPT = "kept"
    """A track's query scored above `keep_score`."""
    BACK_BY_QUERY = "back by its query"
    """A lost track's own query scored above `reid_score`."""
    BACK_BY_EMBEDDING = "back by embedding"
    BACK_BY_DISTANCE = "back by distance"
    """An object query near enough took the place of a lost track's own."""
    BELOW = "below"
    """A track's query scored at most the threshold."""
    SUPPRESSED = "suppressed"
    """A better query of another track has nearly the same box."""
    DELETED = "deleted"
    """The same in the published step, which forgets such a track at once."""
    WAITING = "waiting"
    """Not seen, but for fewer than `termination_steps` frames: not lost yet."""
    LOST = "lost"
    """Not seen for some of the frames of `patience`."""
    GIVEN_UP = "given up"
    """Not seen for more frames than `patience`."""
    CROWDED_OUT = "crowded out"
    """Lost for longest where there are more than `max_tracks`."""
    EMPTY = "empty"
    """Forgotten by the published step, since its box has no area."""
    STARTED = "started"
    """A user's box began a track, whatever the score of the query nearest to it."""
    REPLACED = "replaced"
    """A track of the tracker's own ended, since a user's box began another on its object."""
    BORN = "born"
    NOT_BORN = "not born"
    """An object query scored at most `birth_score`."""
    NOT_PUBLIC = "not public"
    """No public detection allowed a birth."""
    ON_A_TRACK = "on a track"
    """A birth on a box that a track has."""
    ON_A_BIRTH = "on a birth"
    """A birth on the box of a better one."""
    BRINGS_BACK = "brings back"
    """An object query that shows where a lost track is, instead of beginning one."""


@dataclass(frozen=True, slots=True)
class Decision:
    """One rule that applied to one query, and what it compared."""

    row: int
    """Of the predictions: track queries first, then object queries."""
    rule: Rule
    setting: str | None = None
    """The field of `TrackerSettings` that holds the threshold; None where nothing is compared."""
    value: float | None = None
    """A score, IoU, distance or number of frames, as was compared with the threshold."""
    threshold: float | None = None
    other: int | None = None
    """Row of the query that suppressed, or was brought back, or brought back."""


@dataclass(frozen=True, slots=True, eq=False)
class TracksScored:
    """The scores of track queries were compared."""

    scores: Float[Tensor, " T"]
    thresholds: Float[Tensor, " T"]
    was_lost: Bool[Tensor, " T"]
    is_above: Bool[Tensor, " T"]


@dataclass(frozen=True, slots=True, eq=False)
class BirthsScored:
    """The scores of object queries were compared with `birth_score`."""

    scores: Float[Tensor, " N"]
    threshold: float
    num_tracks: int
    is_above: Bool[Tensor, " N"]


@dataclass(frozen=True, slots=True, eq=False)
class PublicAsked:
    """Births were compared with public detections."""

    rows: Int[Tensor, " E"]
    is_allowed: Bool[Tensor, " E"]


@dataclass(frozen=True, slots=True, eq=False)
class PlacesTaken:
    """Births were compared with the boxes that tracks have."""

    rows: Int[Tensor, " E"]
    overlap: Float[Tensor, "E A"]
    is_free: Bool[Tensor, " E"]
    occupants: Int[Tensor, " A"]
    """Rows of the tracks' queries."""
    threshold: float


@dataclass(frozen=True, slots=True, eq=False)
class Suppressed:
    """Boxes were compared with one another, the better ones first."""

    rows: Int[Tensor, " A"]
    """Of the predictions; where it deletes, of the state: behind the tracks of before stand the
    born."""
    boxes_xyxy: Float[Tensor, "A 4"]
    scores: Float[Tensor, " A"]
    stays: Bool[Tensor, " A"]
    setting: Literal["track_nms_iou", "birth_nms_iou"]
    threshold: float
    deletes: bool = False
    """Whether a suppressed track is forgotten, not lost."""


@dataclass(frozen=True, slots=True, eq=False)
class FoundAgain:
    """Lost tracks were compared with object queries that would begin tracks."""

    ids: Int[Tensor, " T"]
    rows: Int[Tensor, " N"]
    columns: Int[Tensor, " T"]
    """Which of `rows` each comes back with, or `UNANSWERED`."""
    distance: Float[Tensor, "T N"]
    """Of embeddings, or of centres in pixels."""
    largest: float | None
    """None: no distance is too large."""
    setting: Literal["reid_embedding_distance", "reid_center_distance"]


@dataclass(frozen=True, slots=True, eq=False)
class Started:
    """A user's boxes began tracks, behind those of before and in front of the other born."""

    rows: Int[Tensor, " S"]
    overlap: Float[Tensor, " S"]
    """IoU of the user's box and of what each query answered."""


@dataclass(frozen=True, slots=True, eq=False)
class Replaced:
    """Tracks were compared with the boxes that a user began."""

    rows: Int[Tensor, " A"]
    overlap: Float[Tensor, "A S"]
    is_replaced: Bool[Tensor, " A"]
    started: Int[Tensor, " S"]
    """Rows of the queries that began them."""
    threshold: float


@dataclass(frozen=True, slots=True, eq=False)
class Born:
    """Object queries began tracks, behind those of before."""

    rows: Int[Tensor, " E"]


@dataclass(frozen=True, slots=True, eq=False)
class Waited:
    """The frames or seconds were counted that tracks have not been seen for."""

    rows: Int[Tensor, " A"]
    missed: Int[Tensor, " A"] | Float[Tensor, " A"]
    """Frames below the threshold so far where `setting` is `termination_steps`, frames lost where
    it is `patience`, seconds since it was seen where it is `patience_s`."""
    limit: int | float
    goes_on: Bool[Tensor, " A"]
    """Whether each is still waited for."""
    setting: Literal["termination_steps", "patience", "patience_s"]


@dataclass(frozen=True, slots=True, eq=False)
class Crowded:
    """Only so many tracks stay."""

    before: Int[Tensor, " _"]
    """Ids of all tracks that could stay."""
    after: Int[Tensor, " _"]
    max_tracks: int


Told: TypeAlias = (
    TracksScored
    | BirthsScored
    | PublicAsked
    | PlacesTaken
    | Suppressed
    | FoundAgain
    | Started
    | Replaced
    | Born
    | Waited
    | Crowded
)
Listener: TypeAlias = Callable[[Callable[[], Told]], object]


def nobody(_told: Callable[[], Told]) -> None:
    """Does not listen."""
