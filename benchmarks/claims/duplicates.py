"""One prediction per object without suppression comes from one-to-one matching, not from the model.

Carion et al. 2020, section 4.2 and figure 4. Run: `python -m benchmarks.claims.duplicates`. The
detectors of `epochs` go on twice for the same number of steps: with their matching, and with every
object of the data repeated `COPIES` times, so that the same Hungarian matching gives each object
to as many queries. Both are then scored with and without non-maximum suppression (NMS).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import supervision
from jaxtyping import Float

from benchmarks.claims import epochs
from benchmarks.claims.small_runs import RUNS, cpu_minutes, trained
from trackformer.checkpoints.load import load_model
from trackformer.data.formats.coco.results import read_coco_images
from trackformer.evaluation.metrics.coco import evaluate_detections
from trackformer.evaluation.trials.detector_scores import detect_images
from trackformer.tracking.settings import DetectSettings

FOLDER: Final = RUNS / "duplicates"
DETECTOR: Final = "Deformable DETR"
COPIES: Final = 3
STEPS: Final = 120
SEEDS: Final = (0,)
BELIEVED: Final = 0.5
"""Least score of a prediction that counts."""
UNSURE: Final = 0.3
"""Another one: with one query each, scores are lower after as many steps."""
HIT: Final = 0.5
"""Least intersection over union with the object."""
NMS: Final = 0.5
"""No two objects overlap by more than 0.3, so that a perfect detector loses nothing."""
MATCHINGS: Final = {"one to one": 1, f"one to {COPIES}": COPIES}


@dataclass(frozen=True, slots=True)
class Scores:
    """Of one model, over all validation images."""

    ap: float
    ap_with_nms: float
    found: float
    """Percent of the objects that a believed prediction hits."""
    duplicates: float
    """Believed predictions per object that hit one which a better one has hit already."""
    duplicates_with_nms: float
    found_unsure: float
    """As `found`, at the lower score."""
    duplicates_unsure: float


def repeated(annotations: Path, copies: int) -> Path:
    """The same images with every object as often."""
    if copies == 1:
        return annotations
    path = annotations.with_name(f"repeated_{copies}.json")
    content = json.loads(annotations.read_text(encoding="utf-8"))
    rows = [dict(row) for row in content["annotations"] for _ in range(copies)]
    for number, row in enumerate(rows, start=1):
        row["id"] = number
    path.write_text(json.dumps(content | {"annotations": rows}), encoding="utf-8")
    return path


def train_on(matching: str, seed: int) -> Path:
    """Go on from the detector of `epochs` with this seed."""
    training, _ = epochs.data()
    settings = epochs.settings(DETECTOR, seed, STEPS)
    del settings["model"], settings["validation"]
    settings["initial"] = str(epochs.train_detector(DETECTOR, seed))
    settings["sources"] = [{"path": repeated(training, MATCHINGS[matching])}]
    return trained(FOLDER / f"{matching.replace(' ', '_')}_{seed}", settings)


def scores_of(weights: Path, validation: Path) -> Scores:
    """Detect once without threshold and suppression, and once with suppression."""
    model = load_model(str(weights)).eval()
    images = read_coco_images(validation)
    truth = json.loads(validation.read_text(encoding="utf-8"))["annotations"]
    found = {
        nms: detect_images(model, images, DetectSettings(min_score=0.0, nms_iou=nms))
        for nms in (None, NMS)
    }
    ap = {nms: evaluate_detections(validation, rows).combined.ap for nms, rows in found.items()}
    hits, duplicates = hits_and_duplicates(truth, found[None], BELIEVED)
    _, kept = hits_and_duplicates(truth, found[NMS], BELIEVED)
    more_hits, more_duplicates = hits_and_duplicates(truth, found[None], UNSURE)
    number = len(truth)
    return Scores(
        ap=ap[None] or 0.0,
        ap_with_nms=ap[NMS] or 0.0,
        found=100 * hits / number,
        duplicates=duplicates / number,
        duplicates_with_nms=kept / number,
        found_unsure=100 * more_hits / number,
        duplicates_unsure=more_duplicates / number,
    )


def hits_and_duplicates(
    truth: Sequence[dict[str, Any]], found: Sequence[dict[str, Any]], least_score: float
) -> tuple[int, int]:
    """Objects hit by a prediction of at least this score, and further ones that hit them."""
    hits = duplicates = 0
    for image_id in {row["image_id"] for row in truth}:
        objects = _boxes_xyxy([row for row in truth if row["image_id"] == image_id])
        rows = [row for row in found if row["image_id"] == image_id and row["score"] > least_score]
        rows.sort(key=lambda row: -row["score"])
        if not rows:
            continue
        overlap = supervision.box_iou_batch(_boxes_xyxy(rows), objects)
        best = overlap.argmax(1)[overlap.max(1) >= HIT]
        hits += len(set(best.tolist()))
        duplicates += len(best) - len(set(best.tolist()))
    return hits, duplicates


def _boxes_xyxy(rows: Sequence[dict[str, Any]]) -> Float[np.ndarray, "N 4"]:
    boxes = np.array([row["bbox"] for row in rows], dtype=np.float64)
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)


def _report(scores: dict[str, list[Scores]]) -> None:
    for matching, rows in scores.items():
        cells = []
        for name in Scores.__dataclass_fields__:
            values = [getattr(row, name) for row in rows]
            each = ", ".join(f"{value:.2f}" for value in values)
            cells.append(f"{name} {np.mean(values):.2f} ({each})")
        print(f"{matching}: {'; '.join(cells)}")
    print(f"{cpu_minutes(FOLDER):.1f} CPU minutes of training, beside those of `epochs`")


def _plot(scores: dict[str, list[Scores]], path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    panels = (
        ("duplicates per object", ("duplicates", "duplicates_with_nms")),
        ("AP", ("ap", "ap_with_nms")),
    )
    figure, grid = pyplot.subplots(1, 2, figsize=(7, 2.8), layout="constrained")
    places = np.arange(len(scores))
    for axes, (title, names) in zip(grid, panels, strict=True):
        for side, (name, label) in enumerate(zip(names, ("as it is", "with NMS"), strict=True)):
            values = np.array([[getattr(row, name) for row in rows] for rows in scores.values()])
            x = places + 0.4 * side - 0.2
            axes.bar(x, values.mean(1), width=0.36, alpha=0.6, label=label)
            for column in values.T:
                axes.plot(x, column, "k.", ms=4)
        axes.set_xticks(places, list(scores))
        axes.set(title=title)
        axes.grid(alpha=0.3, axis="y")
    grid[0].legend(fontsize="small")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=90)


def main() -> None:
    """Train what is not trained yet, score, print a table and draw it."""
    _, validation = epochs.data()
    scores: dict[str, list[Scores]] = {matching: [] for matching in MATCHINGS}
    for seed in SEEDS:
        for matching, rows in scores.items():
            rows.append(scores_of(train_on(matching, seed), validation))
            print(matching, seed, rows[-1], flush=True)
    _report(scores)
    _plot(scores, Path("docs/images/claims_duplicates.png"))


if __name__ == "__main__":
    main()
