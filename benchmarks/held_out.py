"""Scenes that a model has never seen, beside a detector with ByteTrack that has not seen them.

    python -m benchmarks.held_out train   # one run for each scene, on all others (held_out.yaml)
    python -m benchmarks.held_out score   # the table

Each scene of the training data is held out in turn. Thresholds of both sides, too, are those that
are best on the *other* scenes: nothing about a scene is chosen on it.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import Float

from trackformer.checkpoints.load import load_model
from trackformer.config import read_settings
from trackformer.data.annotations import AnnotatedData, AnnotatedSequence
from trackformer.data.read import read_annotations
from trackformer.data.results import ResultFrame
from trackformer.evaluation.metrics.tracking import evaluate_tracking
from trackformer.evaluation.reports.files import scores_by_published_name
from trackformer.evaluation.trials.encoded import encode_video, track_encoded
from trackformer.evaluation.trials.peers import PEERS, track_detections
from trackformer.models.fast.optimize import optimize_for_inference
from trackformer.tracking.proposals.onnx_detector import OnnxProposals
from trackformer.tracking.settings import TrackerSettings
from trackformer.training.run import train
from trackformer.training.settings import TrainingSettings
from trackformer.video.frames import Frame

DATA: Final = Path("../shared/data/mot/train")
DETECTOR: Final = Path("../shared/weights/rtmdet_nano_person.onnx")
RECIPE: Final = Path("configs/held_out.yaml")
RUNS: Final = Path("runs/held_out")
SHOWN: Final = ("HOTA", "DetA", "AssA", "MOTA", "IDF1")

_NAMES = ("birth_score", "keep_score", "reid_score", "patience", "lost_motion", "motion_smoothing")
OURS: Final[tuple[TrackerSettings, ...]] = tuple(
    TrackerSettings.model_validate(dict(zip(_NAMES, values, strict=True)))
    for values in (
        (0.5, 0.35, 0.4, 8, 0.5, 0.7),
        (0.5, 0.35, 0.5, 20, 1.0, 0.8),
        (0.5, 0.3, 0.5, 20, 1.0, 0.8),
        (0.45, 0.3, 0.5, 20, 1.0, 0.8),
        (0.5, 0.25, 0.5, 20, 1.0, 0.8),
        (0.5, 0.35, 0.5, 12, 0.8, 0.8),
        (0.5, 0.25, 0.5, 12, 0.8, 0.8),
        (0.45, 0.25, 0.5, 12, 0.8, 0.8),
        (0.5, 0.35, 0.5, 20, 1.0, 0.9),
        (0.5, 0.25, 0.5, 20, 1.0, 0.9),
        (0.45, 0.3, 0.5, 20, 1.0, 0.9),
        (0.45, 0.35, 0.5, 20, 0.8, 0.7),
    )
)
"""What our tracker's thresholds are chosen from."""
THEIRS: Final = tuple(
    (least, {"track_activation_threshold": new, "high_conf_det_threshold": sure})
    for least in (0.2, 0.3, 0.4)
    for new in (0.5, 0.6)
    for sure in (0.4, 0.5)
)
"""The same for ByteTrack: lowest score of a detection, and arguments."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The scores of every choice of thresholds on one scene, in percent, by their names."""

    ours: tuple[Mapping[str, float], ...]
    theirs: tuple[Mapping[str, float], ...]


def train_all() -> None:
    """One run for each scene."""
    for scene in read_annotations(DATA).sequences:
        others = RUNS / scene.name / "others"
        others.mkdir(parents=True, exist_ok=True)
        for other in sorted(DATA.iterdir()):
            link = others / other.name
            if other.is_dir() and other.name != scene.name and not link.exists():
                link.symlink_to(other.resolve())
        settings = read_settings(TrainingSettings, RECIPE)
        first = settings.sources[0].model_copy(update={"path": others})
        changes: dict[str, Any] = {
            "sources": (first, *settings.sources[1:]),
            "output": RUNS / scene.name / "run",
        }
        train(settings.model_copy(update=changes))


def score_all() -> None:
    """Print both sides' scores on every scene."""
    data = read_annotations(DATA)
    answers = {scene.name: _answer(data, scene) for scene in data.sequences}
    print("| held out |", " | ".join(f"{name} ours / theirs" for name in SHOWN), "|")
    print("|---" * (len(SHOWN) + 1) + "|")
    chosen = []
    for name, answer in answers.items():
        others = [other for other_name, other in answers.items() if other_name != name]
        ours = answer.ours[_best([other.ours for other in others])]
        theirs = answer.theirs[_best([other.theirs for other in others])]
        chosen.append([(ours[metric], theirs[metric]) for metric in SHOWN])
        _print_row(name, chosen[-1])
    _print_row("mean", np.mean(chosen, axis=0).tolist())
    for side in ("ours", "theirs"):
        table = [getattr(answer, side) for answer in answers.values()]
        best = _best(table)
        mean = np.mean([scores[best]["HOTA"] for scores in table])
        print(f"{side}: mean HOTA with the one choice that is best on all five: {mean:.1f}")
    print("that choice of ours:", OURS[_best([each.ours for each in answers.values()])])


def _print_row(name: str, pairs: Sequence[tuple[float, float]]) -> None:
    cells = (f"{ours:.1f} / {theirs:.1f}" for ours, theirs in pairs)
    print(f"| {name} |", " | ".join(cells), "|")


def _best(scenes: Sequence[Sequence[Mapping[str, float]]]) -> int:
    """The choice with the highest mean HOTA over some scenes."""
    hota: Float[np.ndarray, "scenes choices"] = np.array(
        [[scores["HOTA"] for scores in scene] for scene in scenes]
    )
    return int(hota.mean(0).argmax())


def _answer(data: AnnotatedData, scene: AnnotatedSequence) -> Answer:
    alone = replace(data, sequences=(scene,))
    model = load_model(RUNS / scene.name / "run" / "last.safetensors")
    fast = optimize_for_inference(model)
    ours = track_encoded(fast, encode_video(fast, scene), OURS)
    found = _detections(scene)
    byte_track = next(peer for peer in PEERS if peer.name == "ByteTrack")
    theirs = [
        track_detections(byte_track, [_above(frame, least) for frame in found], 30.0, arguments)
        for least, arguments in THEIRS
    ]
    return Answer(
        tuple(_scores(alone, scene.name, results) for results in ours),
        tuple(_scores(alone, scene.name, results) for results in theirs),
    )


def _detections(scene: AnnotatedSequence) -> list[ResultFrame]:
    detector = OnnxProposals(DETECTOR, min_score=0.05)
    results = []
    for frame in scene.frames:
        seen = detector.in_frame(Frame(frame.read_pixels(), frame.frame_index, None))
        results.append(
            ResultFrame(
                frame_index=frame.frame_index,
                track_ids=np.full(len(seen), -1),
                boxes_xyxy=seen.xyxy.astype(np.float64),
                scores=np.asarray(seen.confidence, dtype=np.float64),
            )
        )
    return results


def _above(frame: ResultFrame, least: float) -> ResultFrame:
    keep = frame.scores >= least
    return ResultFrame(
        frame.frame_index, frame.track_ids[keep], frame.boxes_xyxy[keep], frame.scores[keep]
    )


def _scores(data: AnnotatedData, name: str, results: Sequence[ResultFrame]) -> dict[str, float]:
    table = evaluate_tracking(data, {name: list(results)})
    scores = scores_by_published_name(table.combined)
    return {metric: float(scores[metric]) for metric in SHOWN}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.held_out")
    parser.add_argument("what", choices=("train", "score"))
    (train_all if parser.parse_args().what == "train" else score_all)()
