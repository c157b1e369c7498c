"""Four training frames by hand: which query must predict what, and what its answer costs.

The drawing, the test and the script of docs/how-it-works.md all read this one scenario. Two people
enter at t = 0. At t = 1 both are carried, though an object query lies nearer to the second. At
t = 2 the second has left, the first is hidden and not annotated, and a third enters. At t = 3 the
first is found again by its own query, which patience kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import torch
from jaxtyping import Float, Int
from torch import Tensor

from trackformer.training.losses.set_prediction import SetLosses, set_prediction_loss
from trackformer.training.matching import match, matching_cost
from trackformer.training.queries.track_queries import carried_targets, carry, nothing_carried
from trackformer.training.settings import LossSettings, MatchingSettings, TrackQuerySettings
from trackformer.types import NO_OBJECT, PADDING, Memory, ModelOutput, Target

Box: TypeAlias = tuple[float, float, float, float]
"""Relative cxcywh."""

MATCHING: Final = MatchingSettings(class_cost=1, l1_cost=5, giou_cost=2)
LOSS: Final = LossSettings(classification="cross_entropy", class_weight=1)
"""As DETR weighs them: the class by its cross-entropy, background a tenth for object queries."""
TRACKS: Final = TrackQuerySettings(drop_rate=0, false_positive_rate=0, patience=1)


@dataclass(frozen=True, slots=True)
class Answer:
    """What one query answers in one frame."""

    name: str
    """Object queries are letters; a track query is its person's number and a prime a frame."""
    score: float
    """Probability of a person; the rest is that of no object."""
    box: Box


@dataclass(frozen=True, slots=True)
class StoryFrame:
    """What is annotated in a frame, and what the model answers."""

    people: Mapping[int, Box]
    """The annotated boxes by identity."""
    answers: tuple[Answer, ...]
    """Track queries first, in the order in which `carry` hands them over."""
    hidden: Mapping[int, Box] = field(default_factory=dict)
    """Who is there, but occluded and without annotation."""


STORY: Final = (
    StoryFrame(
        {1: (0.28, 0.56, 0.12, 0.40), 2: (0.72, 0.46, 0.12, 0.40)},
        (
            Answer("a", 0.9, (0.29, 0.56, 0.12, 0.40)),
            Answer("b", 0.8, (0.72, 0.48, 0.12, 0.40)),
            Answer("c", 0.1, (0.50, 0.28, 0.08, 0.24)),
        ),
    ),
    StoryFrame(
        {1: (0.34, 0.56, 0.12, 0.40), 2: (0.84, 0.44, 0.12, 0.40)},
        (
            Answer("1′", 0.9, (0.35, 0.56, 0.12, 0.40)),
            Answer("2′", 0.7, (0.80, 0.46, 0.12, 0.40)),
            Answer("a", 0.6, (0.84, 0.43, 0.12, 0.40)),
            Answer("b", 0.1, (0.12, 0.40, 0.08, 0.24)),
            Answer("c", 0.1, (0.56, 0.26, 0.08, 0.24)),
        ),
    ),
    StoryFrame(
        {3: (0.46, 0.58, 0.14, 0.46)},
        (
            Answer("1″", 0.4, (0.43, 0.56, 0.12, 0.40)),
            Answer("2″", 0.2, (0.91, 0.42, 0.12, 0.40)),
            Answer("a", 0.6, (0.47, 0.60, 0.14, 0.46)),
            Answer("b", 0.1, (0.12, 0.40, 0.08, 0.24)),
            Answer("c", 0.1, (0.68, 0.26, 0.08, 0.24)),
        ),
        hidden={1: (0.42, 0.56, 0.12, 0.40)},
    ),
    StoryFrame(
        {1: (0.58, 0.56, 0.12, 0.40), 3: (0.34, 0.58, 0.14, 0.46)},
        (
            Answer("3′", 0.9, (0.35, 0.58, 0.14, 0.46)),
            Answer("1‴", 0.7, (0.60, 0.56, 0.12, 0.40)),
            Answer("2‴", 0.1, (0.92, 0.42, 0.12, 0.40)),
            Answer("a", 0.4, (0.58, 0.57, 0.12, 0.40)),
            Answer("b", 0.1, (0.12, 0.40, 0.08, 0.24)),
            Answer("c", 0.1, (0.80, 0.26, 0.08, 0.24)),
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class QueryLoss:
    """What one query's answer costs, alone."""

    name: str
    person: int | None
    """Whom it must predict; None: nobody."""
    rule: str
    """K_init, K_track, K_leaving; none for an object query without a person."""
    score: float
    surprise: float
    """- log of the probability of what it must predict."""
    weight: float
    """Of the surprise in the mean over all queries."""
    box: float
    """5 times the L1 distance, and 2 times 1 - GIoU; 0 where nobody must be predicted."""


@dataclass(frozen=True, slots=True, eq=False)
class ToldFrame:
    """One frame, matched and charged by the training code."""

    frame: StoryFrame
    asked: tuple[int | None, ...]
    """Whom each track query must predict, before anything is matched."""
    cost: Float[Tensor, "N G"]
    """Matching cost of the object queries and the people."""
    target_index: Int[Tensor, " Q"]
    queries: tuple[QueryLoss, ...]
    losses: SetLosses
    total: float
    """What is minimised."""
    carried: tuple[int, ...]
    """Whose queries are asked in the next frame, in their order."""
    frames_missed: tuple[int, ...]
    """Of those."""


def told(
    story: Sequence[StoryFrame] = STORY, tracks: TrackQuerySettings = TRACKS
) -> tuple[ToldFrame, ...]:
    """Run the frames through matching, losses and carrying, as training does."""
    carried = nothing_carried(torch.zeros(1, 1))
    frames = []
    for frame in story:
        num_tracks = len(carried.track_ids)
        output, target = _output(frame, num_tracks), _target(frame)
        asked = carried_targets([carried], [target])
        index = match(output, [target], asked, MATCHING)[-1, 0]
        losses = _losses(output, target, index, max(float(len(frame.people)), 1.0))
        carried = carry(carried, output, 0, index, target, tracks)
        frames.append(
            ToldFrame(
                frame=frame,
                asked=tuple(_person(each, target) for each in asked[0].tolist()),
                cost=matching_cost(
                    output.class_logits[-1, 0, num_tracks:],
                    output.boxes[-1, 0, num_tracks:],
                    target,
                    MATCHING,
                    has_no_object_class=True,
                ),
                target_index=index,
                queries=tuple(_charged(frame, output, target, index)),
                losses=losses,
                total=float(losses.total(LOSS)),
                carried=tuple(carried.track_ids.tolist()),
                frames_missed=tuple(carried.frames_missed.tolist()),
            )
        )
    return tuple(frames)


def _charged(
    frame: StoryFrame, output: ModelOutput, target: Target, index: Int[Tensor, " Q"]
) -> list[QueryLoss]:
    """Every query's loss with all others left out, which is what `PADDING` does."""
    charged = []
    for row, answer in enumerate(frame.answers):
        only = torch.full_like(index, PADDING)
        only[row] = index[row]
        alone = _losses(output, target, only, 1.0)
        is_track = row < output.num_track_queries
        person = _person(int(index[row]), target)
        background = LOSS.lost_track_weight if is_track else LOSS.no_object_weight
        charged.append(
            QueryLoss(
                answer.name,
                person,
                _rule(person, is_track=is_track),
                answer.score,
                float(alone.classification),
                1.0 if person is not None else background,
                float(LOSS.l1_weight * alone.l1 + LOSS.giou_weight * alone.giou),
            )
        )
    return charged


def _rule(person: int | None, *, is_track: bool) -> str:
    if is_track:
        return "K_leaving" if person is None else "K_track"
    return "" if person is None else "K_init"


def _losses(
    output: ModelOutput, target: Target, index: Int[Tensor, " Q"], num_objects: float
) -> SetLosses:
    return set_prediction_loss(
        output.class_logits,
        output.boxes,
        index[None, None],
        [target],
        num_objects,
        LOSS,
        output.num_track_queries,
    )


def _person(index: int, target: Target) -> int | None:
    return None if index == NO_OBJECT else int(target.track_ids[index])


def _target(frame: StoryFrame) -> Target:
    count = len(frame.people)
    return Target(
        boxes=torch.tensor(list(frame.people.values())).reshape(-1, 4),
        labels=torch.zeros(count, dtype=torch.long),
        track_ids=torch.tensor(list(frame.people), dtype=torch.long),
        visibility=torch.ones(count),
        ignore_boxes=torch.zeros(0, 4),
    )


def _output(frame: StoryFrame, num_tracks: int) -> ModelOutput:
    """Answers as a model of one class and 'no object' gives them, after one decoder layer."""
    scores = torch.tensor([answer.score for answer in frame.answers])
    logits = torch.stack([scores.log(), (1 - scores).log()], dim=-1)
    boxes = torch.tensor([answer.box for answer in frame.answers])
    nothing = torch.zeros(1, 0, 1)
    return ModelOutput(
        class_logits=logits[None, None],
        boxes=boxes[None, None],
        embeddings=torch.arange(float(len(scores)))[None, :, None],
        is_padding=torch.zeros(1, len(scores), dtype=torch.bool),
        memory=Memory(nothing, nothing[..., 0].bool(), (), torch.ones(1, 0, 2)),
        num_track_queries=num_tracks,
        has_no_object_class=True,
    )
