"""How good the boxes of single frames are, and whether their scores mean what they say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import torch
from jaxtyping import Bool, Float

from trackformer.data.annotations import AnnotatedFrame, AnnotatedSequence
from trackformer.evaluation.trials.association import VISIBLE
from trackformer.evaluation.trials.encoded import EncodedVideo
from trackformer.models.trackformer import TrackFormer
from trackformer.training.watching.diagnostics import average_precision_of, hits_by_score
from trackformer.types import ModelOutput, Target

EVERY: Final = 3
"""Frames between two that are looked at."""
LEAST_SCORE: Final = 0.1
"""Of a box whose score is compared with how often such boxes are right."""
BINS: Final = 10
TEMPERATURES: Final = np.exp(np.linspace(np.log(0.25), np.log(4), 33))


def measured_detections(
    model: TrackFormer, video: EncodedVideo, scene: AnnotatedSequence
) -> dict[str, float]:
    """AP50 and the errors of the scores, in percent, and the temperature that would mend them."""
    scores, hits, num_objects = [np.zeros(0)], [np.zeros(0, dtype=bool)], 0
    for target, output in _answers(model, video, scene):
        found, is_hit = hits_by_score(output, 0, target)
        scores.append(found.numpy().astype(float))
        hits.append(is_hit.numpy())
        num_objects += len(target.labels)
    all_scores, all_hits = np.concatenate(scores), np.concatenate(hits)
    counts = all_scores >= LEAST_SCORE
    return {
        "AP50": 100
        * average_precision_of(
            torch.from_numpy(all_scores), torch.from_numpy(all_hits), num_objects
        ),
        "score error": 100 * score_error(all_scores[counts], all_hits[counts]),
        "temperature": best_temperature(all_scores[counts], all_hits[counts]),
    }


def score_error(scores: Float[np.ndarray, " A"], is_hit: Bool[np.ndarray, " A"]) -> float:
    """Expected calibration error: how far scores are from how often such boxes are right, [0, 1].

    >>> score_error(np.array([0.85, 0.85]), np.array([True, False]))
    0.35
    """
    bins = np.minimum((scores * BINS).astype(int), BINS - 1)
    errors = [
        abs(float((scores[bins == each] - is_hit[bins == each]).sum())) for each in np.unique(bins)
    ]
    return sum(errors) / max(len(scores), 1)


def best_temperature(scores: Float[np.ndarray, " A"], is_hit: Bool[np.ndarray, " A"]) -> float:
    """What logits should be divided by for the likeliest hits (Guo et al. 2017); above 1: too sure.

    As every rising function of the scores does, it leaves AP as it is, and tracks, too, if
    thresholds are moved along.
    """
    clipped = np.clip(scores, 1e-6, 1 - 1e-6)
    logits = np.log(clipped / (1 - clipped))
    signs = np.where(is_hit, 1.0, -1.0)
    costs = [np.logaddexp(0, -signs * logits / each).mean() for each in TEMPERATURES]
    return float(TEMPERATURES[int(np.argmin(costs))])


def _answers(
    model: TrackFormer, video: EncodedVideo, scene: AnnotatedSequence
) -> Iterator[tuple[Target, ModelOutput]]:
    for row in range(0, len(scene.frames), EVERY):
        with torch.inference_mode():
            output = model.decode(video.memories[row])
        yield target_in(scene.frames[row], video.image_size), output


def target_in(frame: AnnotatedFrame, image_size: tuple[int, int]) -> Target:
    """A whole frame's people; those who are hidden are ignored, neither missed nor wrong."""
    height, width = image_size
    is_visible = frame.visibility >= VISIBLE

    def relative(boxes: Float[np.ndarray, "G 4"]) -> torch.Tensor:
        corners = boxes / np.array([width, height, width, height])
        low, high = corners[:, :2], corners[:, 2:]
        return torch.from_numpy(np.concatenate([(low + high) / 2, high - low], axis=1)).float()

    ignored = np.concatenate([frame.ignore_boxes_xyxy, frame.boxes_xyxy[~is_visible]])
    return Target(
        boxes=relative(frame.boxes_xyxy[is_visible]),
        labels=torch.from_numpy(frame.labels[is_visible]),
        track_ids=torch.from_numpy(frame.track_ids[is_visible]),
        visibility=torch.from_numpy(frame.visibility[is_visible]).float(),
        ignore_boxes=relative(ignored),
    )
