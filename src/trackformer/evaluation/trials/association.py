"""Does a model tell people apart, and do its track queries stay on their own? Without a tracker.

Every few frames, everybody whom the model sees is looked for again some frames later: by the
distance of embeddings, and by asking the model with these embeddings as track queries. Where they
look is where the person was: what a tracker knows of motion is left out, so this is harder.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from trackformer.boxes import cxcywh_to_xyxy, pairwise_iou, sanitise
from trackformer.data.annotations import AnnotatedFrame, AnnotatedSequence
from trackformer.evaluation.metrics.told_apart import ToldApart, ranked_right, told_apart
from trackformer.evaluation.trials.encoded import EncodedVideo
from trackformer.models.trackformer import TrackFormer
from trackformer.predictions import Predictions, predictions_of
from trackformer.types import Memory, TrackQueries

GAPS: Final = (1, 4, 8, 16)
"""Frames between two sightings."""
EVERY: Final = 4
"""Frames between two from which people are looked for."""
SAME_PLACE: Final = 0.5
"""IoU from which an answer lies on a person."""
VISIBLE: Final = 0.25
"""Who shows less than this share is not taken for seen."""
LEAST_SCORE: Final = 0.1
"""Of an answer of an object query, to be a sighting."""


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """The people whom a model sees in a frame, by its object queries alone."""

    embeddings: Float[Tensor, "P C"]
    boxes: Float[Tensor, "P 4"]
    """As answered, relative cxcywh."""
    track_ids: Int[np.ndarray, " P"]
    """Who they are."""


@dataclass(frozen=True, slots=True)
class Association:
    """What became of the people looked for after one gap."""

    embeddings: ToldApart
    asked: int
    """Track queries."""
    present: int
    """Of these, those whose person is annotated in the later frame."""
    kept: int
    """Of these, those whose sure answer lies on their own person."""
    taken_over: int
    """Of all asked, those whose sure answer lies on somebody else and not on their own person."""
    score_auc: float
    """How often an answer on the own person scores higher than one elsewhere, [0, 1]."""


def associate(
    model: TrackFormer,
    video: EncodedVideo,
    sequence: AnnotatedSequence,
    gap: int,
    keep_score: float,
) -> Association:
    """Look for everybody once more, `gap` frames later.

    Args:
        model: The one that encoded the video; in evaluation mode.
        video: See `encode_video`.
        sequence: The same video's annotation.
        gap: Frames.
        keep_score: From which score on an answer counts as sure.
    """
    apart, rows = ToldApart(), [np.zeros((0, 3))]
    for first in range(0, len(sequence.frames) - gap, EVERY):
        before = _seen(model, video, sequence, first)
        if len(before.track_ids) == 0:
            continue
        after = _seen(model, video, sequence, first + gap)
        distances = torch.cdist(before.embeddings, after.embeddings).numpy()
        apart += told_apart(distances, before.track_ids[:, None] == after.track_ids)
        memory, frame = video.memories[first + gap], sequence.frames[first + gap]
        found = answers(model, memory, before)
        rows.append(landed(found, before.track_ids, frame, video.image_size))
    is_present, place, scores = np.concatenate(rows).T
    is_sure = scores > keep_score
    return Association(
        embeddings=apart,
        asked=len(scores),
        present=int(is_present.sum()),
        kept=int((is_sure & (place == OWN)).sum()),
        taken_over=int((is_sure & (place == OTHER)).sum()),
        score_auc=ranked_right(scores[place == OWN], scores[place != OWN]),
    )


NOBODY, OWN, OTHER = 0, 1, 2
"""On whom an answer lies."""


def _seen(
    model: TrackFormer, video: EncodedVideo, sequence: AnnotatedSequence, frame: int
) -> Sighting:
    with torch.inference_mode():
        found = predictions_of(model.decode(video.memories[frame]))
    return sighting(found, sequence.frames[frame], video.image_size)


def sighting(found: Predictions, frame: AnnotatedFrame, image_size: tuple[int, int]) -> Sighting:
    """Who is seen by which answer: the best first, each person once."""
    is_visible = frame.visibility >= VISIBLE
    people = frame.track_ids[is_visible]
    overlap = _overlap(found.boxes, frame.boxes_xyxy[is_visible], image_size)
    queries, persons = [], []
    is_open = np.ones(len(people), dtype=bool)
    # Each takes one who is still open, so they come one after the other.
    for query in found.scores.argsort(descending=True, stable=True).tolist():
        if found.scores[query] < LEAST_SCORE or not is_open.any():
            break
        best = int(np.where(is_open, overlap[query], -1).argmax())
        if overlap[query, best] >= SAME_PLACE:
            is_open[best] = False
            queries.append(query)
            persons.append(best)
    rows = torch.tensor(queries, dtype=torch.long)
    return Sighting(
        found.embeddings[rows].float(),
        sanitise(found.boxes[rows]),
        people[np.array(persons, dtype=np.int64)],
    )


def answers(model: TrackFormer, memory: Memory, before: Sighting) -> Predictions:
    """What the model answers those who are looked for, in their order."""
    count = len(before.track_ids)
    asked = TrackQueries(
        before.embeddings[None],
        before.boxes[None],
        torch.zeros((1, count), dtype=torch.bool),
    )
    with torch.inference_mode():
        found = predictions_of(model.decode(memory, asked))
    return Predictions(
        found.scores[:count],
        found.labels[:count],
        found.boxes[:count],
        found.embeddings[:count],
    )


def landed(
    found: Predictions,
    track_ids: Int[np.ndarray, " T"],
    frame: AnnotatedFrame,
    image_size: tuple[int, int],
) -> Float[np.ndarray, "T 3"]:
    """Of each track query: whether its person is there, on whom its answer lies, and its score."""
    overlap = _overlap(found.boxes, frame.boxes_xyxy, image_size)
    is_own = track_ids[:, None] == frame.track_ids
    on_own = np.where(is_own, overlap, 0).max(1, initial=0) >= SAME_PLACE
    on_other = np.where(is_own, 0, overlap).max(1, initial=0) >= SAME_PLACE
    place = np.where(on_own, OWN, np.where(on_other, OTHER, NOBODY))
    return np.stack([is_own.any(1), place, found.scores.numpy()], axis=1)


def _overlap(
    boxes: Float[Tensor, "Q 4"], people: Float[np.ndarray, "G 4"], image_size: tuple[int, int]
) -> Float[np.ndarray, "Q G"]:
    height, width = image_size
    relative = torch.from_numpy(people / np.array([width, height, width, height])).float()
    iou: Float[np.ndarray, "Q G"] = pairwise_iou(
        cxcywh_to_xyxy(sanitise(boxes.float())), relative
    ).numpy()
    return iou
