"""How well a training step's queries did their jobs, in numbers (see docs/training.md)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from trackformer.boxes import cxcywh_to_xyxy, pairwise_iou, sanitise, share_inside
from trackformer.evaluation.metrics.told_apart import ToldApart, told_apart
from trackformer.models.trackformer import TrackFormer
from trackformer.predictions import Predictions, predictions_of
from trackformer.tracking.settings import TrackerSettings
from trackformer.training.losses.identities import sightings
from trackformer.training.watching.observation import ObservedFrame
from trackformer.training.watching.published_errors import published_errors_of
from trackformer.types import NO_OBJECT, ModelOutput, Target

SAME_PLACE = 0.5
"""IoU from which a prediction is of an object."""


@torch.no_grad()
def diagnose(
    model: TrackFormer, frames: Sequence[ObservedFrame], thresholds: TrackerSettings
) -> dict[str, float]:
    """All numbers of a step that have something to count, each over all its images.

    To be called after the step: the model is left in evaluation mode.
    """
    numbers = share_by_track_queries(frames) | answers_of(frames, thresholds).shares()
    numbers |= published_errors_of(frames) | embedding_auc(frames)
    model.eval()
    with_tracks = [model.decode(frame.output.memory, frame.queries) for frame in frames]
    without = [model.decode(frame.output.memory) for frame in frames]
    targets = [frame.targets for frame in frames]
    precisions = {
        "AP50": average_precision(with_tracks, targets),
        "AP50_without_track_queries": average_precision(without, targets),
    }
    return numbers | {name: value for name, value in precisions.items() if value is not None}


def share_by_track_queries(frames: Sequence[ObservedFrame]) -> dict[str, float]:
    """Of the queries with an object to predict, the share that are track queries, [0, 1].

    Per decoder layer, counted from 1. The first frame of a clip has none, and is left out.
    """
    by_tracks: Tensor | int = 0
    by_all: Tensor | int = 0
    for frame in frames:
        if frame.output.num_track_queries > 0:
            is_positive = frame.target_index >= 0
            by_all = by_all + is_positive.sum((1, 2))
            by_tracks = by_tracks + is_positive[..., : frame.output.num_track_queries].sum((1, 2))
    if isinstance(by_all, int) or isinstance(by_tracks, int):
        return {}
    pairs = zip(by_tracks.tolist(), by_all.tolist(), strict=True)
    return {
        f"share_by_track_queries_layer_{layer}": part / whole
        for layer, (part, whole) in enumerate(pairs, start=1)
        if whole > 0
    }


def embedding_auc(frames: Sequence[ObservedFrame]) -> dict[str, float]:
    """How often an object's embedding is nearer to its own of the frame before than to another's.

    [0, 1], 0.5 is luck, over all images; of those objects that were found in both frames.
    """
    total = ToldApart()
    for before, after in pairwise(frames):
        for image in range(len(after.targets)):
            first, then = sightings([before], image), sightings([after], image)
            distances = torch.cdist(then.embeddings.float(), first.embeddings.float())
            is_own = then.track_ids[:, None] == first.track_ids
            total += told_apart(distances.cpu().numpy(), is_own.cpu().numpy())
    return {"embedding_auc": total.auc} if total.sightings else {}


@dataclass(frozen=True, slots=True)
class Answers:
    """Counts of what was asked, and of what was answered well enough for the tracker.

    A good answer has the right class, an IoU of at least 0.5 with its object, and a score above
    `birth_score` (object queries) or `keep_score` (track queries).
    """

    newborn: int = 0
    """Objects that an object query had to find."""
    newborn_found: int = 0
    present: int = 0
    """Track queries whose object is in the frame."""
    present_kept: int = 0
    present_taken_over: int = 0
    """Those whose good answer lies on somebody else instead."""
    absent: int = 0
    """Track queries whose object is gone, or never was one."""
    absent_kept: int = 0
    """Those with a score above `keep_score`."""
    objects: int = 0
    repeated: int = 0
    """Good answers on any object beyond the first one on it."""

    def __add__(self, other: Answers) -> Answers:
        """The counts of both."""
        return Answers(*(getattr(self, name) + getattr(other, name) for name in Answers.__slots__))

    def shares(self) -> dict[str, float]:
        """Each relative to what was asked, [0, 1]; `duplicates` per object, may exceed 1."""
        shares = {
            "newborn_recall": (self.newborn_found, self.newborn),
            "track_survival": (self.present_kept, self.present),
            "takeovers": (self.present_taken_over, self.present),
            "ghost_tracks": (self.absent_kept, self.absent),
            "duplicates": (self.repeated, self.objects),
        }
        return {name: part / whole for name, (part, whole) in shares.items() if whole > 0}


def answers_of(frames: Sequence[ObservedFrame], thresholds: TrackerSettings) -> Answers:
    """Count over all images of all frames."""
    total = Answers()
    for frame in frames:
        for image, target in enumerate(frame.targets):
            total = total + _answers_of_image(
                predictions_of(frame.output, image),
                frame.target_index[-1, image],
                frame.output.num_track_queries,
                target,
                thresholds,
            )
    return total


def _answers_of_image(
    found: Predictions,
    target_index: Int[Tensor, " Q"],
    num_tracks: int,
    target: Target,
    thresholds: TrackerSettings,
) -> Answers:
    is_track = torch.arange(len(target_index), device=target_index.device) < num_tracks
    needed = torch.where(is_track, thresholds.keep_score, thresholds.birth_score)
    is_believed = found.scores > needed
    is_good = is_on(found, target) & is_believed[:, None]
    own = torch.arange(len(target.labels), device=target_index.device)
    is_right = (is_good & (target_index[:, None] == own)).any(1)
    is_matched, is_absent = target_index >= 0, (target_index == NO_OBJECT) & is_track
    return Answers(
        newborn=int((is_matched & ~is_track).sum()),
        newborn_found=int((is_right & ~is_track).sum()),
        present=int((is_matched & is_track).sum()),
        present_kept=int((is_right & is_track).sum()),
        present_taken_over=int((is_good.any(1) & ~is_right & is_matched & is_track).sum()),
        absent=int(is_absent.sum()),
        absent_kept=int((is_absent & is_believed).sum()),
        objects=len(target.labels),
        repeated=int((is_good.sum(0) - 1).clamp(min=0).sum()),
    )


def is_on(found: Predictions, target: Target) -> Bool[Tensor, "Q G"]:
    """Which predictions are of which objects: same class, IoU of at least 0.5."""
    boxes = cxcywh_to_xyxy(sanitise(found.boxes.float()))
    overlap = pairwise_iou(boxes, cxcywh_to_xyxy(target.boxes.float()))
    return (overlap >= SAME_PLACE) & (found.labels[:, None] == target.labels[None])


def average_precision(
    outputs: Sequence[ModelOutput], targets: Sequence[Sequence[Target]]
) -> float | None:
    """Area under precision over recall, [0, 1], at an IoU of 0.5; None without any object.

    All classes together; of many few objects, so it trembles from step to step. Wrong predictions
    inside ignore regions do not count.
    """
    rows = [
        hits_by_score(output, image, target)
        for output, of_frame in zip(outputs, targets, strict=True)
        for image, target in enumerate(of_frame)
    ]
    num_objects = sum(len(target.labels) for of_frame in targets for target in of_frame)
    if num_objects == 0:
        return None
    scores, is_hit = (torch.cat(column) for column in zip(*rows, strict=True))
    return average_precision_of(scores, is_hit, num_objects)


def average_precision_of(
    scores: Float[Tensor, " A"], is_hit: Bool[Tensor, " A"], num_objects: int
) -> float:
    """Area under precision over recall, [0, 1], of predictions of which it is known who hit."""
    hits = is_hit[scores.argsort(descending=True, stable=True)].double()
    precision = hits.cumsum(0) / torch.arange(1, len(hits) + 1, device=hits.device)
    # The best precision at this recall or a higher one, as usual.
    envelope = precision.flip(0).cummax(0).values.flip(0)
    return float((envelope * hits).sum() / num_objects)


def hits_by_score(
    output: ModelOutput, image: int, target: Target
) -> tuple[Float[Tensor, " A"], Bool[Tensor, " A"]]:
    """Scores of an image's predictions, and which are the first on their object, best first."""
    found = predictions_of(output, image)
    # On the processor: one object after the other is looked for.
    on = is_on(found, target).cpu()
    order = found.scores.argsort(descending=True, stable=True).tolist()
    is_hit = torch.zeros(len(order), dtype=torch.bool)
    is_open = torch.ones(len(target.labels), dtype=torch.bool)
    for query in order:
        candidates = torch.nonzero(on[query] & is_open)[:, 0]
        if len(candidates) > 0:
            is_hit[query] = True
            is_open[candidates[0]] = False
    boxes = cxcywh_to_xyxy(sanitise(found.boxes.float()))
    is_excused = share_inside(boxes, cxcywh_to_xyxy(target.ignore_boxes.float())) > SAME_PLACE
    counts = ~output.is_padding[image].cpu() & (is_hit | ~is_excused.cpu())
    return found.scores.cpu()[counts], is_hit[counts]
