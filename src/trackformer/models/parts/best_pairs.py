"""What a detector sees where every class of a query counts, not only the best one."""

from __future__ import annotations

from trackformer.predictions import Predictions
from trackformer.types import ModelOutput


def best_pairs(output: ModelOutput, image_index: int = 0, count: int = 100) -> Predictions:
    """The best (query, class) pairs of one image, best first: Deformable DETR's post-processing.

    A query may appear with several classes. At most `count` rows, in place of one for each query.
    """
    scores = output.class_scores()[image_index]
    num_classes = scores.shape[-1]
    best = scores.flatten().topk(min(count, scores.numel()))
    queries = best.indices // num_classes
    return Predictions(
        scores=best.values,
        labels=best.indices % num_classes,
        boxes=output.boxes[-1, image_index, queries].float(),
        embeddings=output.embeddings[image_index, queries],
    )
