"""The demonstration: track the bundled clip and compare with its ground truth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from trackformer.demo_clip import clip_file, ground_truth_file
from trackformer.evaluation.metrics.scores import TrackingScores
from trackformer.evaluation.reports.files import evaluate_folders, write_json
from trackformer.models.frame_model import FrameModel
from trackformer.tracking.videos.run import track_video
from trackformer.tracking.videos.video_run import VideoRun


@dataclass(frozen=True, slots=True)
class Demonstration:
    """What the demonstration made."""

    run: VideoRun
    scores: TrackingScores
    metrics: Path


def demonstrate(model: FrameModel, output: Path) -> Demonstration:
    """Track the bundled clip, score the tracks, and write all of it into a folder.

    Results of an earlier demonstration are replaced.

    Raises:
        DataError: The folder cannot be written to.
    """
    with clip_file() as video:
        run = track_video(model, video, output, overwrite=True)
    with ground_truth_file() as ground_truth:
        table = evaluate_folders(ground_truth, output)
    metrics = output / "metrics.json"
    write_json(table, metrics)
    return Demonstration(run, table.combined, metrics)
