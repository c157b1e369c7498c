"""How the objects found in one training frame become the track queries of the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from trackformer.boxes import (
    cxcywh_to_xyxy,
    moved_on,
    pairwise_iou,
    sanitise,
    smoothed_displacements,
)
from trackformer.devices import sent
from trackformer.tracking.query_batch import padded_together
from trackformer.training.settings import TrackQuerySettings
from trackformer.types import NO_OBJECT, PADDING, ModelOutput, Target, TrackQueries


@dataclass(frozen=True, slots=True, eq=False)
class CarriedObjects:
    """What one image's frame hands to its next frame: T rows, ragged over a batch."""

    track_ids: Int[Tensor, " T"]
    """Identity in the annotation; `NO_OBJECT` for false positives."""
    boxes: Float[Tensor, "T 4"]
    """Predicted box of the frame that last saw the object, without gradient."""
    displacements: Float[Tensor, "T 2"]
    """How far the box centre moves in a unit of time, smoothed; 0 until it was seen twice in a row.
    """
    embeddings: Float[Tensor, "T C"]
    frames_missed: Int[Tensor, " T"]
    unseen_for: Float[Tensor, " T"]
    """How long ago the object was last seen; 0 = in this frame."""
    elapsed: float = 1.0
    """What passes until the next frame (`expecting`)."""


def nothing_carried(like: Float[Tensor, "*_ C"]) -> CarriedObjects:
    """Before the first frame of a clip."""
    whole = torch.zeros(0, dtype=torch.long, device=like.device)
    return CarriedObjects(
        track_ids=whole,
        boxes=like.new_zeros((0, 4)),
        displacements=like.new_zeros((0, 2)),
        embeddings=like.new_zeros((0, like.shape[-1])),
        frames_missed=whole,
        unseen_for=like.new_zeros(0),
    )


def expecting(carried: CarriedObjects, elapsed: float) -> CarriedObjects:
    """The same rows, once it is known how long after them the next frame was taken."""
    return replace(carried, elapsed=elapsed)


def carry(
    before: CarriedObjects,
    output: ModelOutput,
    image_index: int,
    target_index: Int[Tensor, " Q"],
    target: Target,
    settings: TrackQuerySettings,
) -> CarriedObjects:
    """The objects of one image after a frame.

    All queries matched to an object are carried, however low their score (Meinhardt et al. 2022,
    section 3.3), unless `lost_score` is set; a track query whose object is gone keeps what it had,
    for `patience` frames.

    Args:
        before: What the frame was asked; its rows are the first track queries of the image.
        output: The model's answer.
        image_index: Which image of the batch.
        target_index: Assignment of the last decoder layer.
        target: The image's objects.
        settings: Patience, smoothing, and whether gradients flow through the embeddings.
    """
    num_before = len(before.track_ids)
    matched = torch.nonzero(target_index >= 0)[:, 0]
    boxes = sanitise(output.boxes[-1, image_index].detach().float())
    embeddings = output.embeddings[image_index]
    if not settings.carry_gradient:
        embeddings = embeddings.detach()
    is_continued = matched < num_before
    old = matched.clamp(max=max(num_before - 1, 0))
    displacements = boxes.new_zeros((len(matched), 2))
    if num_before > 0:
        # Over a gap an object would have moved several frames' worth: the one before stays.
        is_seen_again = is_continued & (before.frames_missed[old] == 0)
        moved = smoothed_displacements(
            before.displacements[old],
            (boxes[matched, :2] - before.boxes[old, :2]) / before.elapsed,
            settings.motion_smoothing,
        )
        kept = torch.where(is_continued[:, None], before.displacements[old], displacements)
        displacements = torch.where(is_seen_again[:, None], moved, kept)
    found = CarriedObjects(
        track_ids=target.track_ids[target_index[matched]],
        boxes=boxes[matched],
        displacements=displacements,
        embeddings=embeddings[matched],
        frames_missed=torch.zeros_like(matched),
        unseen_for=boxes.new_zeros(len(matched)),
    )
    if settings.lost_score > 0:
        scores = output.class_scores()[image_index, matched].detach().amax(-1)
        is_unsure = is_continued & (scores <= settings.lost_score)
        found = _kept_where(is_unsure, found, select_carried(before, old[is_unsure]))
    is_lost = (target_index[:num_before] == NO_OBJECT) & (before.track_ids != NO_OBJECT)
    lost = torch.nonzero(is_lost & (before.frames_missed < settings.patience))[:, 0]
    return joined(found, _missed_once_more(select_carried(before, lost)))


def _kept_where(
    is_unsure: Bool[Tensor, " T"], found: CarriedObjects, before: CarriedObjects
) -> CarriedObjects:
    """Rows found, but where the answer is unsure those of before, as the tracker keeps them."""
    rows = torch.nonzero(is_unsure)[:, 0]
    missed = _missed_once_more(before)
    return CarriedObjects(
        track_ids=found.track_ids,
        boxes=found.boxes.index_copy(0, rows, missed.boxes),
        displacements=found.displacements.index_copy(0, rows, missed.displacements),
        embeddings=found.embeddings.index_copy(
            0, rows, missed.embeddings.to(found.embeddings.dtype)
        ),
        frames_missed=found.frames_missed.index_copy(0, rows, missed.frames_missed),
        unseen_for=found.unseen_for.index_copy(0, rows, missed.unseen_for),
    )


def _missed_once_more(rows: CarriedObjects) -> CarriedObjects:
    return replace(
        rows, frames_missed=rows.frames_missed + 1, unseen_for=rows.unseen_for + rows.elapsed
    )


def augment(
    carried: CarriedObjects,
    output: ModelOutput,
    image_index: int,
    target_index: Int[Tensor, " Q"],
    settings: TrackQuerySettings,
    generator: torch.Generator,
) -> CarriedObjects:
    """Drop track queries and add false positives (Meinhardt et al. 2022, section 3.3).

    Every track query is dropped with `drop_rate` on its own, so that its object is found anew.
    False positives are unmatched object queries of the frame, near ones with the higher
    probability: they stand for what the tracker wrongly believes, and must be answered with
    background. Unmatched track queries are none: their objects may come back.
    """
    num_tracks = len(carried.track_ids)
    stays = _uniform(num_tracks, generator) >= settings.drop_rate
    wanted = int((_uniform(num_tracks, generator) < settings.false_positive_rate).sum())
    boxes = sanitise(output.boxes[-1, image_index].detach().float())
    is_free = (target_index == NO_OBJECT) & ~output.is_padding[image_index]
    is_free[: output.num_track_queries] = False
    free = torch.nonzero(is_free)[:, 0]
    chosen = _near_ones(boxes[free], carried.boxes, wanted, generator)
    false = free[sent(chosen, free.device)]
    keep = sent(torch.nonzero(stays)[:, 0], boxes.device)
    added = false_positives(output, image_index, false, carries_gradient=False)
    return joined(select_carried(carried, keep), added)


def false_positives(
    output: ModelOutput, image_index: int, queries: Int[Tensor, " F"], *, carries_gradient: bool
) -> CarriedObjects:
    """Some outputs of a frame as rows that must find nothing."""
    boxes = sanitise(output.boxes[-1, image_index].detach().float())[queries]
    embeddings = output.embeddings[image_index, queries]
    if not carries_gradient:
        embeddings = embeddings.detach()
    return CarriedObjects(
        track_ids=torch.full_like(queries, NO_OBJECT),
        boxes=boxes,
        displacements=boxes.new_zeros((len(queries), 2)),
        embeddings=embeddings,
        frames_missed=torch.zeros_like(queries),
        unseen_for=boxes.new_zeros(len(queries)),
    )


def select_carried(carried: CarriedObjects, rows: Int[Tensor, " _"]) -> CarriedObjects:
    """Some rows, in the given order."""
    return CarriedObjects(
        track_ids=carried.track_ids[rows],
        boxes=carried.boxes[rows],
        displacements=carried.displacements[rows],
        embeddings=carried.embeddings[rows],
        frames_missed=carried.frames_missed[rows],
        unseen_for=carried.unseen_for[rows],
        elapsed=carried.elapsed,
    )


def joined(first: CarriedObjects, second: CarriedObjects) -> CarriedObjects:
    """The rows of both, one after the other."""
    return CarriedObjects(
        track_ids=torch.cat([first.track_ids, second.track_ids]),
        boxes=torch.cat([first.boxes, second.boxes]),
        displacements=torch.cat([first.displacements, second.displacements]),
        embeddings=torch.cat([first.embeddings, second.embeddings.to(first.embeddings.dtype)]),
        frames_missed=torch.cat([first.frames_missed, second.frames_missed]),
        unseen_for=torch.cat([first.unseen_for, second.unseen_for]),
    )


def as_batch(
    carried: Sequence[CarriedObjects], motions: Float[Tensor, " B"], lost_motion: float
) -> TrackQueries:
    """Ragged rows as one padded batch; boxes moved on as the tracker moves them.

    Args:
        carried: What each image of the batch carries.
        motions: Each image's share of the displacement.
        lost_motion: How fast those move on that were missed, relative to those just seen.
    """
    asked = []
    for rows, motion in zip(carried, motions.tolist(), strict=True):
        boxes = moved_on(
            rows.boxes, rows.displacements, rows.unseen_for, motion, lost_motion, rows.elapsed
        )
        is_padding = torch.zeros((1, len(boxes)), dtype=torch.bool, device=boxes.device)
        asked.append(TrackQueries(rows.embeddings[None], boxes[None], is_padding))
    return padded_together(asked)


def carried_targets(
    carried: Sequence[CarriedObjects], targets: Sequence[Target]
) -> Int[Tensor, "B T"]:
    """Which target of the new frame each track query must predict (K_track and K_leaving)."""
    most = max(len(rows.track_ids) for rows in carried)
    batch = []
    for rows, target in zip(carried, targets, strict=True):
        index = torch.full((most,), PADDING, dtype=torch.long, device=rows.track_ids.device)
        index[: len(rows.track_ids)] = _index_of(rows.track_ids, target.track_ids)
        batch.append(index)
    return torch.stack(batch)


def _index_of(track_ids: Int[Tensor, " T"], wanted: Int[Tensor, " G"]) -> Int[Tensor, " T"]:
    """Row of each id in `wanted`; `NO_OBJECT` for absent ids and false positives."""
    if len(wanted) == 0:
        return torch.full_like(track_ids, NO_OBJECT)
    is_same = (track_ids[:, None] == wanted[None]) & (track_ids != NO_OBJECT)[:, None]
    return torch.where(is_same.any(1), is_same.long().argmax(1), NO_OBJECT)


def _near_ones(
    boxes: Float[Tensor, "A 4"],
    tracked: Float[Tensor, "T 4"],
    wanted: int,
    generator: torch.Generator,
) -> Int[Tensor, " _"]:
    """`wanted` rows of `boxes`, likelier the more they overlap a tracked box; without repeats."""
    wanted = min(wanted, len(boxes))
    if wanted == 0:
        return torch.zeros(0, dtype=torch.long)
    overlap = pairwise_iou(cxcywh_to_xyxy(boxes), cxcywh_to_xyxy(tracked)).amax(1)
    # Every output keeps a small chance: false positives also arise away from any track.
    weight = (overlap + 0.05).cpu()
    return torch.multinomial(weight, wanted, replacement=False, generator=generator)


def _uniform(count: int, generator: torch.Generator) -> Float[Tensor, " _"]:
    return torch.rand(count, generator=generator)
