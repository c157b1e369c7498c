"""What each part of TrackFormer is worth: parts are taken away one after another, as in the paper.

After the ablation of Meinhardt et al. 2022, with dropped queries as one row more. Run:
`python -m benchmarks.claims.track_queries`. One detector is trained first, on single frames; every
row goes on from its weights for the same number of steps and tracks the same synthetic videos,
with people who disappear behind walls, leave and come back, and cross.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from benchmarks.claims.greedy import track_greedily
from benchmarks.claims.small_runs import RUNS, SIZES, cpu_minutes, trained
from trackformer.checkpoints.load import load_model
from trackformer.data.annotations import AnnotatedData
from trackformer.data.results import ResultFrame, result_of_detections
from trackformer.data.synthetic.dataset import synthetic_data
from trackformer.data.synthetic.settings import SyntheticSettings
from trackformer.evaluation.metrics.tracking import evaluate_tracking
from trackformer.evaluation.trials.encoded import encode_video, track_encoded
from trackformer.models.trackformer import TrackFormer
from trackformer.tracking.object_detector import detections_of
from trackformer.tracking.settings import DetectSettings, TrackerSettings

FOLDER: Final = RUNS / "track_queries"
IMAGE_SIZE: Final = (128, 192)
"""Height and width."""
DIFFICULTY: Final = 2
TRAINING_SKILLS: Final = ("plain", "occlusion", "reentry", "crossing")
EVALUATED: Final = {"occlusion": 3, "reentry": 3, "crossing": 2}
"""Skill and number of sequences."""
FRAMES, EVALUATION_SEED = 40, 1000
DETECTOR_STEPS, STEPS, BATCH_SIZE = 800, 80, 4
SEEDS: Final = (0,)
"""Of going on; the detector is one."""
TRACKER: Final = TrackerSettings(
    birth_score=0.4, keep_score=0.4, reid_score=0.4, patience=20, motion=0.0
)
"""The paper's thresholds, but more patience than its 5: people are away for at least 10 frames."""
ALL: Final = {"drop_rate": 0.4, "false_positive_rate": 0.1, "max_gap": 5, "frames": 2}
REMOVED: Final[dict[str, dict[str, float]]] = {
    "full": {},
    "no_false_positives": {"false_positive_rate": 0.0},
    "no_dropped_queries": {"drop_rate": 0.0},
    "no_frame_gaps": {"max_gap": 1},
    "no_track_queries": {"frames": 1},
}
"""What each training lacks, beside all that those before it lack."""
ROWS: Final = (
    ("full", "full", True),
    ("without re-identification", "full", False),
    ("without false positives", "no_false_positives", False),
    ("without dropped queries", "no_dropped_queries", False),
    ("without frame gaps", "no_frame_gaps", False),
    ("without track queries", "no_track_queries", False),
)
"""Name, training, and whether lost tracks may come back."""


@dataclass(frozen=True, slots=True)
class Scores:
    """Over all sequences."""

    mota: float
    idf1: float
    switches: int


def train_detector() -> Path:
    """The weights from which all go on."""
    detector = {"kind": "deformable_detr", "num_levels": 3, "box_refinement": True, **SIZES}
    model = {"detector": detector, "input": {"shorter_side": IMAGE_SIZE[0]}}
    content = _settings({**ALL, "frames": 1}, DETECTOR_STEPS, 4e-4, seed=0)
    return trained(FOLDER / "detector", {**content, "model": model})


def train_row(training: str, seed: int, initial: Path) -> Path:
    """The weights of one training in `REMOVED`."""
    names = list(REMOVED)
    chosen: dict[str, float] = dict(ALL)
    for name in names[: names.index(training) + 1]:
        chosen |= REMOVED[name]
    content = _settings(chosen, STEPS, 2e-4, seed)
    return trained(FOLDER / f"{training}_{seed}", {**content, "initial": str(initial)})


def _settings(
    chosen: Mapping[str, float], steps: int, learning_rate: float, seed: int
) -> dict[str, Any]:
    scenes = {
        "difficulty": DIFFICULTY,
        "sequences": 1000,
        "frames": FRAMES,
        "size": IMAGE_SIZE,
        "seed": seed,
    }
    frames = chosen["frames"]
    return {
        "sources": [{"synthetic": {"skill": skill, **scenes}} for skill in TRAINING_SKILLS],
        "batch_size": BATCH_SIZE,
        "clips": {
            "canvas": IMAGE_SIZE,
            "length": (frames, frames),
            "max_gap": chosen["max_gap"],
            "zoom": (1.0, 1.3),
        },
        "track_queries": {key: chosen[key] for key in ("drop_rate", "false_positive_rate")},
        "loss": {"classification": "focal"},
        "tracker": TRACKER.model_dump(),
        "optimizer": {
            "steps": steps,
            "learning_rate": learning_rate,
            "backbone_scale": 1.0,
            "sampling_scale": 0.3,
            "warmup_steps": 20,
            "max_gradient_norm": 1.0,
        },
        "seed": seed,
    }


def evaluation_data() -> AnnotatedData:
    """Sequences of other seeds than those trained on, drawn once."""
    parts = [
        synthetic_data(
            SyntheticSettings(
                skill=skill,
                difficulty=DIFFICULTY,
                sequences=count,
                frames=FRAMES,
                size=IMAGE_SIZE,
                seed=EVALUATION_SEED,
            )
        )
        for skill, count in EVALUATED.items()
    ]
    sequences = [sequence for part in parts for sequence in part.sequences]
    drawn = tuple(replace(each, frames=tuple(each.frames)) for each in sequences)
    return AnnotatedData(sequences=drawn, class_names=parts[0].class_names)


def scores_of(weights: Path, data: AnnotatedData, *, track_queries: bool) -> dict[bool, Scores]:
    """Scores with re-identification (True) and without; kept in a file beside the weights."""
    path = weights.with_name("scores.json")
    if not path.exists():
        model = load_model(str(weights)).eval()
        results = _results(model, data, track_queries=track_queries)
        tables = [evaluate_tracking(data, each).combined for each in results]
        path.write_text(json.dumps([[each.mota, each.idf1, each.id_switches] for each in tables]))
    with_it, without = (Scores(*row) for row in json.loads(path.read_text()))
    return {True: with_it, False: without}


def _results(
    model: TrackFormer, data: AnnotatedData, *, track_queries: bool
) -> tuple[dict[str, list[ResultFrame]], dict[str, list[ResultFrame]]]:
    with_it: dict[str, list[ResultFrame]] = {}
    without: dict[str, list[ResultFrame]] = {}
    impatient = TRACKER.model_copy(update={"patience": 0})
    detect = DetectSettings(min_score=TRACKER.birth_score)
    for sequence in data.sequences:
        video = encode_video(model, sequence)
        if track_queries:
            tracked = track_encoded(model, video, [TRACKER, impatient])
            with_it[video.name], without[video.name] = tracked
            continue
        found = []
        for index, memory in enumerate(video.memories):
            with torch.inference_mode():
                output = model.decode(memory)
            boxes = detections_of(output, video.image_size, detect, index, ("person",))
            found.append(result_of_detections(boxes))
        with_it[video.name] = track_greedily(found, TRACKER.patience)
        without[video.name] = track_greedily(found, 0)
    return with_it, without


def _report(scores: Mapping[tuple[str, int], dict[bool, Scores]]) -> None:
    for name, training, may_return in ROWS:
        rows = [scores[training, seed][may_return] for seed in SEEDS]
        again = [scores[training, seed][True].idf1 for seed in SEEDS]
        print(
            f"{name}: MOTA {_shown([row.mota for row in rows])}, "
            f"IDF1 {_shown([row.idf1 for row in rows])}, "
            f"switches {_shown([row.switches for row in rows])}; "
            f"IDF1 with re-identification {_shown(again)}"
        )
    print(f"{cpu_minutes(FOLDER):.1f} CPU minutes of training")


def _shown(values: list[float]) -> str:
    return f"{np.mean(values):.1f} ({', '.join(f'{value:.1f}' for value in values)})"


def _plot(scores: Mapping[tuple[str, int], dict[bool, Scores]], path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, grid = pyplot.subplots(1, 2, figsize=(9, 3), layout="constrained", sharey=True)
    places = np.arange(len(ROWS))[::-1]
    for axes, metric in zip(grid, ("mota", "idf1"), strict=True):
        values = np.array(
            [
                [getattr(scores[training, seed][may_return], metric) for seed in SEEDS]
                for _, training, may_return in ROWS
            ]
        )
        axes.barh(places, values.mean(1), color="tab:blue", alpha=0.5)
        for column in values.T:
            axes.plot(column, places, "k.", ms=5)
        axes.set(xlabel=f"{metric.upper()} (points: seeds)")
        axes.grid(alpha=0.3, axis="x")
    grid[0].set_yticks(places, [name for name, _, _ in ROWS])
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=90)


def main() -> None:
    """Train what is not trained yet, track, print a table and draw it."""
    detector = train_detector()
    data = evaluation_data()
    scores = {}
    for seed in SEEDS:
        for training in REMOVED:
            weights = train_row(training, seed, detector)
            with_queries = training != "no_track_queries"
            scores[training, seed] = scores_of(weights, data, track_queries=with_queries)
            print(training, seed, scores[training, seed], flush=True)
    _report(scores)
    _plot(scores, Path("docs/images/claims_track_queries.png"))


if __name__ == "__main__":
    main()
