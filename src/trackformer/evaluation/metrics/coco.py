"""How good detections are: COCO's average precision, per class and over all classes.

Computed by pycocotools' own `COCOeval`, so the numbers are the published definitions.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from trackformer.data.formats.coco.reading import Record, read_coco_json, upright_corners
from trackformer.data.formats.coco.results import read_coco_results
from trackformer.data.formats.limits.numbers import shown
from trackformer.errors import DataError

ALL_CLASSES: Final = "all classes"
"""Name of the row over all classes."""
ALL, SMALL, MEDIUM, LARGE = range(4)
"""COCOeval's ranges of area."""
SMALL_AREA: Final = 32.0**2
"""Square pixels below which an object is small."""
LARGE_AREA: Final = 96.0**2
"""Square pixels above which an object is large."""
MOST_DETECTIONS: Final = -1
"""The last of COCOeval's limits: the 100 best detections of an image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionScores:
    """Average precision of one class or of all; percentages in [0, 100], None without objects."""

    name: str
    ap: float | None
    """Area under the precision-recall curve, mean over the IoU thresholds 0.5, 0.55, ..., 0.95."""
    ap50: float | None
    """At IoU 0.5 only."""
    ap75: float | None
    """At IoU 0.75 only."""
    ap_small: float | None
    """Of objects of less than 32 x 32 pixels."""
    ap_medium: float | None
    """Of objects between."""
    ap_large: float | None
    """Of objects of more than 96 x 96 pixels."""
    ar: float | None
    """Share of objects found among the 100 best detections of an image, mean over the
    thresholds."""


@dataclass(frozen=True, slots=True)
class DetectionTable:
    """The scores of every class and of all."""

    split: str
    num_images: int
    num_boxes: int
    """Annotated objects, without crowds."""
    num_results: int
    classes: tuple[DetectionScores, ...]
    combined: DetectionScores
    """The mean over the classes, as COCO defines it."""


def evaluate_coco_file(ground_truth: Path, results: Path) -> DetectionTable:
    """Score a file of detections against a COCO file.

    Raises:
        DataError: A file cannot be used, or the detections are of other images or categories.
    """
    return evaluate_detections(ground_truth, read_coco_results(results))


def evaluate_detections(ground_truth: Path, results: Sequence[Record]) -> DetectionTable:
    """Score detections in COCO's form against a COCO file.

    Raises:
        DataError: The file cannot be used, or the detections are of other images or categories.
    """
    content = read_coco_json(ground_truth)
    _check_known(ground_truth, content, results)
    try:
        annotations = [
            _complete(annotation, number)
            for number, annotation in enumerate(content["annotations"], start=1)
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{ground_truth}: expected boxes of four numbers: {error}") from error
    numbers = _accumulated(content, annotations, results)
    names = {category["id"]: str(category["name"]) for category in content["categories"]}
    rows = [
        _scores(
            names[category], {key: values[..., [place], :, :] for key, values in numbers.items()}
        )
        for place, category in enumerate(sorted(names))
    ]
    return DetectionTable(
        split=f"{ground_truth.resolve().parent.name}/{ground_truth.name}",
        num_images=len(content["images"]),
        num_boxes=sum(not entry["iscrowd"] for entry in annotations),
        num_results=len(results),
        classes=tuple(rows),
        combined=_scores(ALL_CLASSES, numbers),
    )


def _check_known(path: Path, content: Record, results: Sequence[Record]) -> None:
    for kind, key in (("images", "image_id"), ("categories", "category_id")):
        unknown = {entry[key] for entry in results} - {entry["id"] for entry in content[kind]}
        if unknown:
            first = min(unknown, key=str)
            raise DataError(f"{path}: expected {kind} that it has, got {key} {shown(first)}")


def _complete(annotation: Record, number: int) -> dict[str, Any]:
    """With the keys that COCOeval reads and other tools leave out, and an id of our own.

    COCOeval takes a match with an annotation whose id is 0 for no match, and many tools count from
    0; nothing refers to these ids.
    """
    left, top, right, bottom = upright_corners(annotation)
    box = [left, top, right - left, bottom - top]
    completed = {"iscrowd": 0, "area": box[2] * box[3], **annotation}
    return completed | {"bbox": box, "id": number}


def _accumulated(
    content: Record, annotations: Sequence[Record], results: Sequence[Record]
) -> Mapping[str, np.ndarray]:
    """COCOeval's `precision` and `recall`; -1 where there are no objects.

    Axes of `precision`: threshold, recall, class, area, limit; `recall` has no second one.
    """
    # Imported late because it is slow, and in silence because it prints what it does.
    with contextlib.redirect_stdout(io.StringIO()):
        from pycocotools.coco import COCO  # type: ignore[import-untyped]
        from pycocotools.cocoeval import COCOeval  # type: ignore[import-untyped]

        truth, found = COCO(), COCO()
        truth.dataset = {**content, "annotations": annotations}
        found.dataset = {
            "images": content["images"],
            "categories": content["categories"],
            "annotations": [
                {**entry, "id": number, "iscrowd": 0, "area": entry["bbox"][2] * entry["bbox"][3]}
                for number, entry in enumerate(results, start=1)
            ],
        }
        truth.createIndex()
        found.createIndex()
        evaluation = COCOeval(truth, found, "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
    return {key: evaluation.eval[key] for key in ("precision", "recall")}


def _scores(name: str, numbers: Mapping[str, np.ndarray]) -> DetectionScores:
    precision = numbers["precision"][..., MOST_DETECTIONS]
    return DetectionScores(
        name=name,
        ap=_mean(precision[..., ALL]),
        ap50=_mean(precision[0, ..., ALL]),
        ap75=_mean(precision[5, ..., ALL]),
        ap_small=_mean(precision[..., SMALL]),
        ap_medium=_mean(precision[..., MEDIUM]),
        ap_large=_mean(precision[..., LARGE]),
        ar=_mean(numbers["recall"][..., ALL, MOST_DETECTIONS]),
    )


def _mean(shares: np.ndarray) -> float | None:
    defined = shares[shares > -1]
    return 100 * float(defined.mean()) if defined.size else None
