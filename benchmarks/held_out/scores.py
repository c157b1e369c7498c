"""Everything that is measured of a model, or of the other detector, on one scene; kept as JSON."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, cast

import numpy as np

from benchmarks.held_out.choices import OURS, THEIRS
from benchmarks.held_out.detections import measured_detections
from trackformer.atomic_files import atomic_path
from trackformer.checkpoints.load import load_model
from trackformer.data.annotations import AnnotatedSequence
from trackformer.data.results import ResultFrame
from trackformer.evaluation.metrics.tracking import match_sequence, score_table
from trackformer.evaluation.reports.files import scores_by_published_name
from trackformer.evaluation.trials.association import GAPS, Association, associate
from trackformer.evaluation.trials.encoded import encode_video, track_encoded
from trackformer.evaluation.trials.peers import PEERS, track_detections
from trackformer.models.fast.optimize import optimize_for_inference
from trackformer.tracking.proposals.onnx_detector import OnnxProposals
from trackformer.video.frames import Frame

SHOWN: Final = ("HOTA", "DetA", "AssA", "LocA", "MOTA", "IDF1")
TAKEOVERS: Final = "takeovers"
KEEP_SCORE: Final = 0.35
"""From which a track query's answer is sure, wherever thresholds are not chosen."""


@dataclass(frozen=True, slots=True)
class Scores:
    """Of one scene."""

    choices: tuple[dict[str, float], ...]
    """With every choice of thresholds: `SHOWN` in percent, and takeovers in a thousand boxes."""
    association: dict[str, dict[str, float]]
    """By gap in frames; empty for the other detector."""
    detection: dict[str, float]
    """Empty for the other detector."""


def scores_of_model(weights: Path | str, scene: AnnotatedSequence, kept: Path) -> Scores:
    """Measure, unless `kept` holds the scores of these very weights."""
    path = Path(weights)
    digest = hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else str(weights)
    return _kept(kept, f"{digest} {OURS}", lambda: _measure(weights, scene))


def scores_of_peer(detector: Path, scene: AnnotatedSequence, kept: Path) -> Scores:
    """ByteTrack on another detector's boxes."""
    return _kept(kept, f"{detector.name} {THEIRS}", lambda: _measure_peer(detector, scene))


def _measure(weights: Path | str, scene: AnnotatedSequence) -> Scores:
    model = optimize_for_inference(load_model(weights))
    video = encode_video(model, scene)
    results = track_encoded(model, video, OURS)
    return Scores(
        tuple(tracking_scores(scene, each) for each in results),
        {str(gap): as_shares(associate(model, video, scene, gap, KEEP_SCORE)) for gap in GAPS},
        measured_detections(model, video, scene),
    )


def as_shares(counts: Association) -> dict[str, float]:
    """The figures of the table, in percent."""
    return {
        "embeddings, AUC": 100 * counts.embeddings.auc,
        "somebody else nearest": 100 * counts.embeddings.mistaken_share,
        "answers on the own person": 100 * counts.kept / max(counts.present, 1),
        "answers on somebody else": 100 * counts.taken_over / max(counts.asked, 1),
        "scores, AUC": 100 * counts.score_auc,
    }


def _measure_peer(detector: Path, scene: AnnotatedSequence) -> Scores:
    found = _detections(detector, scene)
    byte_track = next(peer for peer in PEERS if peer.name == "ByteTrack")
    results = [
        track_detections(byte_track, [_above(frame, least) for frame in found], 30.0, arguments)
        for least, arguments in THEIRS
    ]
    return Scores(tuple(tracking_scores(scene, each) for each in results), {}, {})


def tracking_scores(scene: AnnotatedSequence, results: list[ResultFrame]) -> dict[str, float]:
    """`SHOWN` in percent, and takeovers in a thousand boxes."""
    matched = match_sequence(scene, results)
    scores = scores_by_published_name(score_table([matched]).combined)
    pairs = matched.clear.pairs
    return {name: float(scores[name]) for name in SHOWN} | {
        TAKEOVERS: takeovers(pairs.tracks, pairs.objects)
    }


def takeovers(tracks: Any, objects: Any) -> float:
    """How often a track goes on with another object than the one before, in 1,000 matched boxes.

    Args:
        tracks: Of every matched box, in the order of the frames.
        objects: Likewise.

    >>> takeovers([1, 2, 1, 1, 2], [5, 6, 5, 7, 6])
    200.0
    """
    tracks, objects = np.asarray(tracks), np.asarray(objects)
    order = np.argsort(tracks, kind="stable")
    is_same_track = np.diff(tracks[order]) == 0
    changes = is_same_track & (np.diff(objects[order]) != 0)
    return 1000.0 * float(changes.sum()) / max(len(tracks), 1)


def _detections(detector: Path, scene: AnnotatedSequence) -> list[ResultFrame]:
    proposals = OnnxProposals(detector, min_score=0.05)
    results = []
    for frame in scene.frames:
        seen = proposals.in_frame(Frame(frame.read_pixels(), frame.frame_index, None))
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


def _kept(path: Path, of_what: str, measure: Callable[[], Scores]) -> Scores:
    if path.exists():
        content = cast(dict[str, Any], json.loads(path.read_text(encoding="utf-8")))
        if content.pop("of") == of_what:
            return Scores(**content)
    scores = measure()
    with atomic_path(path) as partial:
        partial.write_text(json.dumps({"of": of_what, **asdict(scores)}), encoding="utf-8")
    return scores
